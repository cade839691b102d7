package target

import (
	"fmt"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

func TestChecksComeAtIntervalsFromTheFirstMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, machine := checked(t, described(1))
		if n := machine.dialed("10.0.9.1:80"); n != 1 {
			t.Errorf("%d checks at once", n)
		}
		time.Sleep(30 * time.Second) // the second comes within the first interval
		synctest.Wait()
		if n := machine.dialed("10.0.9.1:80"); n != 2 {
			t.Errorf("%d checks in the first interval", n)
		}
		time.Sleep(10 * 30 * time.Second)
		synctest.Wait()
		if n := machine.dialed("10.0.9.1:80"); n != 12 {
			t.Errorf("%d checks after ten more", n)
		}
		g.Use(nil)
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := machine.dialed("10.0.9.1:80"); n != 12 {
			t.Errorf("%d checks of a group that is not in use any more", n)
		}
	})
}

func TestATargetTurnsHealthyAgainAfterAsManyChecksAsTheGroupSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, machine := checked(t, described(1), "10.0.9.1:80")
		machine.is("10.0.9.1:80", code(200))
		time.Sleep(4 * 30 * time.Second)
		synctest.Wait()
		if got := health(g); got != saysRefused {
			t.Errorf("after four checks it is %q", got)
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if got := health(g); got != saysHealthy {
			t.Errorf("after five checks it is %q", got)
		}
	})
}

func TestChangesOfTheCheckHoldFromTheNextOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := described(1)
		g, machine := checked(t, spec)
		machine.is("10.0.9.1:81", code(404))
		g.Set(changed(spec, func(s *balancer.Group) {
			s.Check.Port, s.Check.Interval, s.Check.Path = 81, 5*time.Second, "/ready"
		}))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got, want := health(g), "unhealthy Target.ResponseCodeMismatch Health checks failed with these codes: [404]"; got != want {
			t.Errorf("health is %q, want %q", got, want)
		}
	})
}

func TestACheckLooksLikeAWSs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := described(1)
		spec.Check.Path = "/health?deep=1"
		var machine ground
		var got atomic.Pointer[http.Request]
		machine.is("10.0.9.1:80", answers(func(_ http.ResponseWriter, r *http.Request) { got.Store(r) }))
		g := New(Config{Dialer: &machine}, spec)
		defer g.Close()
		g.Use(standing)
		synctest.Wait()
		r := got.Load()
		if line := fmt.Sprint(r.Method, " ", r.RequestURI, " ", r.Host, " ", r.Header); line != "GET /health?deep=1 10.0.9.1:80 map[Accept-Encoding:[gzip, compressed] Connection:[close] User-Agent:[ELB-HealthChecker/2.0]]" {
			t.Errorf("the check is %s", line)
		}
	})
}

func TestNetworkGroupsTellEveryFailureAlike(t *testing.T) {
	for name, target := range map[string]func(net.Conn){"another code": code(500), "no answer": hangs, "refused": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec := described(1)
				spec.Protocol, spec.ProxyProtocol = balancer.TCP, name == "refused"
				var machine ground
				machine.is("10.0.9.1:80", target)
				g := New(Config{Dialer: &machine}, spec)
				defer g.Close()
				g.Use(standing)
				time.Sleep(time.Minute)
				synctest.Wait()
				if got := health(g); got != saysRefused {
					t.Errorf("health is %q, want %q", got, saysRefused)
				}
			})
		})
	}
}

func TestInstancesAreCheckedByTheirIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := described(1)
		spec.Instance = true
		spec.Targets[0].ID, spec.Targets[0].Port = "i-0abc", 32768
		g, _ := checked(t, spec)
		if h := g.Health()[spec.Targets[0].Key()]; h.State != balancer.Healthy {
			t.Errorf("the instance is %s", h.State)
		}
	})
}

func TestThousandsOfTargetsAtRestTakeNoGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := described(0)
		for i := range 5000 {
			spec.Targets = append(spec.Targets, balancer.Target{ID: fmt.Sprintf("10.1.%d.%d", i/250, i%250), Port: 80, Zone: zoneA})
		}
		before := runtime.NumGoroutine()
		g, _ := checked(t, spec)
		if n := runtime.NumGoroutine() - before; n > 50 {
			t.Errorf("%d goroutines are there for targets that nobody checks now", n)
		}
		for key, h := range g.Health() {
			if h.State != balancer.Healthy {
				t.Fatalf("%v is %s", key, h.State)
			}
		}
	})
}

// TestNothingIsOpenOnceItDrained has many pick while targets come and go, in the mode in which draining ends by itself.
func TestNothingIsOpenOnceItDrained(t *testing.T) {
	spec := described(3)
	spec.Check.Enabled = false
	g := New(Config{Dialer: &ground{}, Fast: true}, spec)
	defer g.Close()
	g.Use(standing)
	var stop atomic.Bool
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for !stop.Load() {
				got, err := g.Pick(anywhere)
				if err != nil {
					t.Error(err)
					return
				}
				g.mu.Lock()
				if got.drained {
					t.Errorf("%v has drained and has a request", got.Key())
				}
				g.mu.Unlock()
				got.End()
			}
		})
	}
	for i := range 500 {
		leaves := spec.Targets[i%2].Key()
		g.Set(changed(spec, func(s *balancer.Group) { s.Targets[i%2].DrainingSince = time.Now() }))
		for !g.Drained(leaves) {
			runtime.Gosched()
		}
		g.Set(changed(spec, func(s *balancer.Group) { s.Targets = append(s.Targets[:i%2], s.Targets[i%2+1:]...) }))
		g.Set(spec)
	}
	stop.Store(true)
	clients.Wait()
}
