package target

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// checked is a group whose targets are healthy, but for the broken ones.
func checked(t *testing.T, spec *balancer.Group, broken ...string) (*Group, *ground) {
	t.Helper()
	machine := &ground{}
	for _, s := range spec.Targets {
		machine.is(fmt.Sprintf("%s:%d", s.ID, s.Port), code(200))
	}
	for _, at := range broken {
		machine.is(at, nil)
	}
	g := New(Config{Dialer: machine}, spec)
	t.Cleanup(g.Close)
	g.Use(standing)
	if len(broken) > 0 {
		time.Sleep(31 * time.Second)
	}
	synctest.Wait()
	return g, machine
}

// picks counts who gets how many of so many requests that end at once.
func picks(t *testing.T, g *Group, n int, want Want) map[string]int {
	t.Helper()
	count := map[string]int{}
	for range n {
		got, err := g.Pick(want)
		if err != nil {
			t.Fatal(err)
		}
		count[got.Key().ID]++
		got.End()
	}
	return count
}

var anywhere = Want{Zone: zoneA, CrossZone: true}

func TestEachAlgorithmGivesEqualShares(t *testing.T) {
	for algorithm, tolerance := range map[string]int{"round_robin": 0, leastOutstanding: 0, weightedRandom: 250} {
		t.Run(algorithm, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec := described(4)
				spec.Algorithm = algorithm
				g, _ := checked(t, spec)
				for id, n := range picks(t, g, 4000, anywhere) {
					if n < 1000-tolerance || n > 1000+tolerance {
						t.Errorf("%s gets %d of 4000", id, n)
					}
				}
			})
		})
	}
}

func TestLeastOutstandingRequestsGoesToTheIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := described(3)
		spec.Algorithm = leastOutstanding
		g, _ := checked(t, spec)
		pickFirst(t, g) // has one under way from now on
		if n := picks(t, g, 100, anywhere)["10.0.9.1"]; n != 0 {
			t.Errorf("the busy target gets %d of 100", n)
		}
		for range 30 {
			if _, err := g.Pick(anywhere); err != nil {
				t.Fatal(err)
			}
		}
		for key, h := range g.Health() {
			if h.Connections < 10 || h.Connections > 11 {
				t.Errorf("%s has %d of 31", key.ID, h.Connections)
			}
		}
	})
}

func TestAStickyClientKeepsItsTargetWhileThatIsHealthy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := described(3)
		spec.Stickiness.Kind = "lb_cookie"
		g, machine := checked(t, spec)
		sticky := Want{CrossZone: true, Sticky: first}
		if n := picks(t, g, 50, sticky)["10.0.9.1"]; n != 50 {
			t.Errorf("the client's target gets %d of 50", n)
		}
		machine.is("10.0.9.1:80", code(500))
		time.Sleep(70 * time.Second)
		synctest.Wait()
		if n := picks(t, g, 50, sticky)["10.0.9.1"]; n != 0 {
			t.Errorf("the client's target is unhealthy and gets %d of 50", n)
		}
		g.Set(changed(spec, func(s *balancer.Group) { s.Stickiness.Kind = "" }))
		machine.is("10.0.9.1:80", code(200))
		time.Sleep(200 * time.Second)
		synctest.Wait()
		if n := picks(t, g, 60, sticky)["10.0.9.1"]; n != 20 {
			t.Errorf("without stickiness the target gets %d of 60", n)
		}
	})
}

func TestASourceKeepsItsTargetWhenOthersComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := described(8)
		spec.Stickiness.Kind = sourceIP
		g, _ := checked(t, spec)
		client := func(i int) Want {
			return Want{CrossZone: true, Source: netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)})}
		}
		const clients = 2000
		had := make([]string, clients)
		count := map[string]int{}
		for i := range clients {
			for id := range picks(t, g, 3, client(i)) {
				if had[i] != "" {
					t.Fatalf("client %d gets both %s and %s", i, had[i], id)
				}
				had[i] = id
			}
			count[had[i]]++
		}
		for id, n := range count {
			if n < 150 || n > 350 {
				t.Errorf("%s has %d of 2000 clients", id, n)
			}
		}
		g.Set(changed(spec, func(s *balancer.Group) { s.Targets = s.Targets[1:] }))
		for i := range clients {
			for id := range picks(t, g, 1, client(i)) {
				if id != had[i] && had[i] != "10.0.9.1" {
					t.Errorf("client %d moved from %s to %s, which was not necessary", i, had[i], id)
				}
			}
		}
	})
}

func TestATargetThatWasTriedInVainIsAvoided(t *testing.T) {
	for _, algorithm := range []string{"round_robin", leastOutstanding, weightedRandom} {
		synctest.Test(t, func(t *testing.T) {
			spec := described(2)
			spec.Algorithm, spec.Stickiness.Kind = algorithm, "lb_cookie"
			g, _ := checked(t, spec)
			avoid := pickFirst(t, g)
			avoid.End()
			if n := picks(t, g, 50, Want{CrossZone: true, Avoid: avoid, Sticky: first})["10.0.9.1"]; n != 0 {
				t.Errorf("%s: the target to avoid gets %d of 50", algorithm, n)
			}
			g.Set(changed(spec, func(s *balancer.Group) { s.Targets = s.Targets[:1] }))
			if n := picks(t, g, 1, Want{CrossZone: true, Avoid: avoid})["10.0.9.1"]; n != 1 {
				t.Errorf("%s: the only target is not picked", algorithm)
			}
		})
	}
}

func TestZones(t *testing.T) {
	cases := []struct {
		name   string
		cross  string // of the group
		want   Want
		broken []string
		fewer  bool // without the third target, which is in all zones
		gets   []string
	}{
		{name: "across zones", want: Want{Zone: zoneA, CrossZone: true}, gets: []string{"10.0.9.1", "10.0.9.2", "10.0.9.3"}},
		{name: "the group turns it off", cross: "false", want: Want{Zone: zoneA, CrossZone: true}, gets: []string{"10.0.9.1", "10.0.9.3"}},
		{name: "the group turns it on", cross: "true", want: Want{Zone: zoneA}, gets: []string{"10.0.9.1", "10.0.9.2", "10.0.9.3"}},
		{name: "the group leaves it to the load balancer", cross: "use_load_balancer_configuration", want: Want{Zone: zoneB}, gets: []string{"10.0.9.2", "10.0.9.3"}},
		{name: "a zone without a healthy target leaves it to the others", want: Want{Zone: zoneA}, broken: []string{"10.0.9.1:80", "10.0.9.3:80"}, gets: []string{"10.0.9.2"}},
		{name: "no target is healthy", want: Want{Zone: zoneA}, broken: []string{"10.0.9.1:80", "10.0.9.2:80", "10.0.9.3:80"}, gets: []string{"10.0.9.1", "10.0.9.3"}},
		{name: "a zone without any target", want: Want{Zone: zoneC}, fewer: true, gets: []string{"10.0.9.1", "10.0.9.2"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec := described(3)
				spec.CrossZone = c.cross
				spec.Targets[1].Zone, spec.Targets[2].Zone = zoneB, "all"
				if c.fewer {
					spec.Targets = spec.Targets[:2]
				}
				g, _ := checked(t, spec, c.broken...)
				got := picks(t, g, 300, c.want)
				for _, id := range c.gets {
					if got[id] == 0 {
						t.Errorf("%s gets nothing: %v", id, got)
					}
					delete(got, id)
				}
				if len(got) > 0 {
					t.Errorf("others get something: %v", got)
				}
			})
		})
	}
}

func TestANewTargetTakesAGrowingShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := described(2)
		spec.SlowStart = 100 * time.Second
		g, machine := checked(t, spec)
		if n := picks(t, g, 100, anywhere)["10.0.9.1"]; n != 50 {
			t.Errorf("the first targets of a group are not warm: one of two gets %d of 100", n)
		}
		machine.is("10.0.9.9:80", code(200))
		g.Set(changed(spec, func(s *balancer.Group) {
			s.Targets = append(s.Targets, balancer.Target{ID: "10.0.9.9", Port: 80, Zone: zoneA})
		}))
		synctest.Wait()
		for _, c := range []struct {
			after     time.Duration
			low, high int // of 3000, where a third is its whole share
		}{{0, 0, 20}, {30 * time.Second, 200, 420}, {40 * time.Second, 550, 900}, {40 * time.Second, 1000, 1000}} {
			time.Sleep(c.after)
			got := picks(t, g, 3000, anywhere)
			if n := got["10.0.9.9"]; n < c.low || n > c.high {
				t.Errorf("after %v more the new target gets %d, want %d to %d", c.after, n, c.low, c.high)
			}
			if a, b := got["10.0.9.1"], got["10.0.9.2"]; a-b > 250 || b-a > 250 {
				t.Errorf("the others share unevenly: %d and %d", a, b)
			}
		}
	})
}

func TestNoTarget(t *testing.T) {
	cases := map[string]func(*balancer.Group){
		"none is registered":          func(g *balancer.Group) { g.Targets = nil },
		"all drain":                   func(g *balancer.Group) { g.Targets[0].DrainingSince = time.Now() },
		"none is where a balancer is": func(g *balancer.Group) { g.Targets[0].Zone = "us-east-1f" },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec := described(1)
				change(spec)
				g, _ := checked(t, spec)
				if got, err := g.Pick(Want{Zone: zoneA}); err != ErrNone {
					t.Errorf("%v is picked: %v", got.Key(), err)
				}
			})
		})
	}
}
