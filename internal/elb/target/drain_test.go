package target

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// draining is a group of two healthy targets of which the first has a request under way and is deregistered then.
func draining(t *testing.T, config Config, change func(*balancer.Group)) (*Group, *Target, *balancer.Group) {
	t.Helper()
	var machine ground
	machine.is("10.0.9.1:80", code(200))
	machine.is("10.0.9.2:80", code(200))
	config.Dialer = &machine
	spec := described(2)
	if change != nil {
		change(spec)
	}
	g := New(config, spec)
	t.Cleanup(g.Close)
	g.Use(standing)
	synctest.Wait()
	busy := pickFirst(t, g)
	next := changed(spec, func(s *balancer.Group) { s.Targets[0].DrainingSince = time.Now() })
	g.Set(next)
	return g, busy, next
}

// pickFirst picks until it gets the first target, and begins a request there.
func pickFirst(t *testing.T, g *Group) *Target {
	t.Helper()
	for range 1000 {
		got, err := g.Pick(Want{CrossZone: true})
		if err != nil {
			t.Fatal(err)
		}
		if got.Key() == first {
			return got
		}
		got.End()
	}
	t.Fatal("the first target is never picked")
	return nil
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestDrainingTakesTheWholeDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, busy, _ := draining(t, Config{}, nil)
		busy.End()
		time.Sleep(300*time.Second - 1)
		synctest.Wait()
		if g.Drained(first) || health(g) != saysDraining || !isClosed(busy.Leaving()) {
			t.Errorf("just before the delay is over: drained %v, %s, told to leave %v", g.Drained(first), health(g), isClosed(busy.Leaving()))
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if !g.Drained(first) {
			t.Error("the delay is over and the target has not drained")
		}
	})
}

func TestFastDrainingEndsWithTheLastRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bells atomic.Int32
		g, busy, _ := draining(t, Config{Fast: true, Changed: func(string) { bells.Add(1) }}, nil)
		if g.Drained(first) {
			t.Error("the target has drained while a request is under way")
		}
		before := bells.Load()
		busy.End()
		if !g.Drained(first) || bells.Load() != before+1 {
			t.Errorf("after the last request: drained %v, bell rung %d times", g.Drained(first), bells.Load()-before)
		}
	})
}

func TestFastDrainingOfAnIdleTargetEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := described(1)
		g := New(Config{Dialer: &ground{}, Fast: true}, spec)
		defer g.Close()
		g.Use(standing)
		g.Set(changed(spec, func(s *balancer.Group) { s.Targets[0].DrainingSince = time.Now() }))
		if !g.Drained(first) {
			t.Error("an idle target goes on draining")
		}
	})
}

func TestWhatOutlivesTheDelay(t *testing.T) {
	cases := []struct {
		name   string
		change func(*balancer.Group)
		cut    bool
	}{
		{"a request of an application load balancer does not", nil, true},
		{"a connection of a network load balancer does", func(g *balancer.Group) { g.Protocol, g.Check.Protocol = balancer.TCP, balancer.TCP }, false},
		{"it does not when the group terminates connections", func(g *balancer.Group) {
			g.Protocol, g.Check.Protocol, g.Terminate = balancer.TCP, balancer.TCP, true
		}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, busy, spec := draining(t, Config{}, c.change)
				if isClosed(busy.Cut()) {
					t.Error("it is cut at once")
				}
				time.Sleep(300 * time.Second)
				synctest.Wait()
				if cut := isClosed(busy.Cut()); cut != c.cut || !g.Drained(first) {
					t.Errorf("after the delay: cut %v, drained %v", cut, g.Drained(first))
				}
				g.Set(changed(spec, func(s *balancer.Group) { s.Targets = s.Targets[1:] }))
				if cut := isClosed(busy.Cut()); cut != c.cut {
					t.Errorf("once it is gone: cut %v", cut)
				}
			})
		})
	}
}

func TestTheDelayRunsByTheWallClock(t *testing.T) {
	cases := []struct {
		name  string
		since time.Duration // from now
		left  time.Duration
	}{
		{"it goes on where it was before a restart", -200 * time.Second, 100 * time.Second},
		{"it is over after a long time out of service", -time.Hour, 0},
		{"a clock that jumped back costs the whole delay, not more", time.Hour, 300 * time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec := described(1)
				spec.Targets[0].DrainingSince = time.Now().Add(c.since)
				g := New(Config{Dialer: &ground{}}, spec)
				defer g.Close()
				g.Use(standing)
				if c.left > 0 {
					time.Sleep(c.left - 1)
					synctest.Wait()
					if g.Drained(first) {
						t.Error("drained too early")
					}
					time.Sleep(time.Nanosecond)
				}
				synctest.Wait()
				if !g.Drained(first) {
					t.Error("not drained in time")
				}
			})
		})
	}
}

func TestATargetThatIsRegisteredAgainIsANewOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, busy, spec := draining(t, Config{}, nil)
		g.Set(changed(spec, func(s *balancer.Group) { s.Targets[0].DrainingSince = time.Time{} }))
		if got := health(g); got != saysInitial {
			t.Errorf("health is %q, want %q", got, saysInitial)
		}
		synctest.Wait()
		if got := pickFirst(t, g); got == busy || got.Open() != 1 {
			t.Errorf("the same target is back, with %d open", got.Open())
		}
		time.Sleep(time.Hour)
		if isClosed(busy.Cut()) {
			t.Error("what was open before is cut")
		}
	})
}

func TestConnectionsOfANetworkTargetThatTurnsUnhealthyAreCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var machine ground
		machine.is("10.0.9.1:80", accepts)
		machine.is("10.0.9.2:80", accepts)
		spec := described(2)
		spec.Protocol, spec.Check.Protocol = balancer.TCP, balancer.TCP
		g := New(Config{Dialer: &machine}, spec)
		defer g.Close()
		g.Use(standing)
		synctest.Wait()
		cut := pickFirst(t, g).Cut()
		machine.is("10.0.9.1:80", nil)
		time.Sleep(70 * time.Second)
		synctest.Wait()
		if !isClosed(cut) || health(g) != saysRefused {
			t.Errorf("cut %v, %s", isClosed(cut), health(g))
		}
		machine.is("10.0.9.1:80", accepts)
		time.Sleep(200 * time.Second)
		synctest.Wait()
		if isClosed(pickFirst(t, g).Cut()) {
			t.Error("connections of a target that is healthy again are cut")
		}
	})
}

func TestClosingAGroupCutsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, busy, spec := draining(t, Config{}, nil)
		g.Close()
		g.Close()
		g.Set(spec)
		if _, err := g.Pick(Want{}); err != ErrNone || !isClosed(busy.Cut()) {
			t.Errorf("picking says %v; cut %v", err, isClosed(busy.Cut()))
		}
	})
}
