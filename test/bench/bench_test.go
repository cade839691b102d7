// Package bench measures the budgets of the design on this machine, each beside its floor in the same run, and prints
// them as a table. `make bench` runs it; one row alone: go test -run '^$' -bench RunTask -benchtime 1x ./test/bench.
//
//	-args -o FILE   writes the table as JSON too
package bench

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/wire/client"
	"github.com/berth-dev/berth/test/berthtest"
)

var output = flag.String("o", "", "file that takes the table as JSON")

func TestMain(m *testing.M) {
	flag.Parse()
	if serveFloor() {
		return
	}
	code := m.Run()
	if err := measured.finish(os.Stdout, *output); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// subject is a Berth that runs, and a client of it.
type subject struct {
	*berthtest.Berth
	b      *testing.B
	client *client.Client
}

func start(b *testing.B, args ...string) *subject {
	b.Helper()
	s := &subject{Berth: berthtest.Start(b, args...), b: b}
	s.client = newClient(s.Endpoint)
	return s
}

// newClient is a client with the well-known key, which the user who started Berth may use.
func newClient(endpoint string) *client.Client {
	return client.New(endpoint, client.Static(testKey, testKey, ""), region)
}

const (
	testKey = "test"
	region  = "us-east-1"
)

// call calls an operation and fails the benchmark when that fails.
func call[In, Out any](s *subject, op schema.Op[In, Out], in In) *Out {
	s.b.Helper()
	out, err := client.Call(s.b.Context(), s.client, op, &in)
	if err != nil {
		s.b.Fatal(err)
	}
	return out
}

func median[T float64 | time.Duration](values []T) T {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
