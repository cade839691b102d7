package main

import (
	"reflect"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/operator"
)

func TestStatsAsATable(t *testing.T) {
	now := time.Now()
	got := statsTable([]operator.TaskUsage{
		{Task: "0123456789abcdef0123456789abcdef", Definition: "shop:3", At: now.Add(-12 * time.Second), Containers: []operator.ContainerUsage{
			{Name: "web", CPU: 150.04, Memory: 12, MemoryLimit: 64, Network: &operator.NetworkUsage{Received: 2048, Sent: 1}, Read: 5 << 20},
			{Name: "side"}}},
		{Task: "abc", Definition: "new:1"},
	}, now).rows
	want := [][]string{
		{"0123456789ab", "shop:3", "web", "150.0 %", "12 MiB of 64", "2.0 KiB / 1 B", "5.0 MiB / 0 B", "12s ago"},
		{"0123456789ab", "shop:3", "side", "0.0 %", "0 MiB", "-", "0 B / 0 B", "12s ago"},
		{"abc", "new:1", "-", "-", "-", "-", "-", "not yet"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
}
