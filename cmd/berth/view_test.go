package main

import (
	"testing"

	"github.com/berth-dev/berth/api/ecs"
)

func TestAReasonStaysText(t *testing.T) {
	task := &ecs.Task{StoppedReason: "no such user \x1b]0;mine\x07\x1b[2J", Containers: []ecs.Container{{Name: "app", Reason: "a\nb\tc\u009b31m"}}}
	if got, want := stopText(task), "no such user  ]0;mine  [2J; app: a b c 31m"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
