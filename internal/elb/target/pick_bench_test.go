package target

import (
	"fmt"
	"testing"
)

func BenchmarkPick(b *testing.B) {
	for _, algorithm := range []string{"round_robin", leastOutstanding, weightedRandom} {
		for _, n := range []int{3, 200, 1000} {
			b.Run(fmt.Sprintf("%s/%d", algorithm, n), func(b *testing.B) {
				spec := described(n)
				spec.Algorithm, spec.Check.Enabled = algorithm, false
				g := New(Config{Dialer: &ground{}}, spec)
				defer g.Close()
				g.Use(standing)
				if algorithm == leastOutstanding { // so that nobody is idle
					for _, t := range g.targets {
						t.Begin()
					}
				}
				b.ReportAllocs()
				for b.Loop() {
					t, err := g.Pick(anywhere)
					if err != nil {
						b.Fatal(err)
					}
					t.End()
				}
			})
		}
	}
}
