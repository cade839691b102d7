// Package swarm has Berth and Docker Swarm run the same service of fifty tasks on the same machine, in alternating rounds: one
// image, one log driver, one network mode, a limit of memory each. It measures how long they take until all fifty run, and
// until one whose process is killed is replaced. `make bench` doesn't run it:
//
//	go test -run '^$' -bench . -benchtime 1x ./test/bench/swarm
package swarm

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/berth-dev/berth/test/berthtest"
)

func TestMain(m *testing.M) { berthtest.OnOwnHost(m) }

const (
	image  = "bench/hello:v1"
	fifty  = 50
	rounds = 3
	kills  = 5  // in each round
	memory = 32 // MiB
	// atLeast is how many times faster than Swarm the design wants Berth to be, and replaced how soon a killed task is to be replaced.
	atLeast  = 5
	replaced = 500 * time.Millisecond
)

// contender runs the service.
type contender interface {
	// up makes the service, and returns how long it took until all its tasks ran.
	up() time.Duration
	// kill kills the process of a task, and returns how long it took until another ran in its place.
	kill() time.Duration
	// down removes the service, and waits until nothing is left of it.
	down()
}

func BenchmarkServiceBesideSwarm(b *testing.B) {
	archive := berthtest.Archive(b, image, "./cmd/hello")
	for _, network := range []struct{ berth, swarm string }{
		{"awsvpc", "overlay"}, // an address of one's own for each task, on a network that spans machines
		{"bridge", "bridge"},
		{"host", "host"},
	} {
		b.Run(network.berth, func(b *testing.B) {
			both := [2]contender{newBerth(b, archive, network.berth), newSwarm(b, archive, network.swarm)}
			var ups, replacements [2][]time.Duration
			for range rounds {
				for i, c := range both {
					ups[i] = append(ups[i], c.up())
					for range kills {
						replacements[i] = append(replacements[i], c.kill())
					}
					c.down()
				}
			}
			mode := network.berth
			if network.swarm != mode {
				mode += " and " + network.swarm
			}
			report(b, fmt.Sprintf("service 0 to %d tasks, %s", fifty, mode), "up", ups, 0)
			report(b, "killed task replaced, "+mode, "replacement", replacements, replaced)
			b.ReportMetric(0, "ns/op")
		})
	}
}

// report compares the medians of both: Berth's, then Swarm's.
func report(b *testing.B, what, metric string, took [2][]time.Duration, atMost time.Duration) {
	var medians [2]time.Duration
	for i := range took {
		slices.Sort(took[i])
		medians[i] = took[i][len(took[i])/2]
	}
	ratio := medians[1].Seconds() / medians[0].Seconds()
	verdict, budget := "met", fmt.Sprintf(">= %dx", atLeast)
	if atMost > 0 {
		budget += fmt.Sprintf(" and <= %s", atMost)
	}
	if ratio < atLeast || atMost > 0 && medians[0] > atMost {
		verdict = "MISSED"
	}
	fmt.Printf("%s: Berth %.2f s, Docker Swarm %.2f s: %.1fx (budget %s, %s)\n", what, medians[0].Seconds(), medians[1].Seconds(), ratio, budget, verdict)
	b.ReportMetric(medians[0].Seconds(), "s/berth-"+metric)
	b.ReportMetric(medians[1].Seconds(), "s/swarm-"+metric)
}
