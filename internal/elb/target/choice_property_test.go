package target

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"pgregory.net/rapid"
)

// step is something that happens to a group.
type step struct {
	kind   string
	target int
	pause  time.Duration
}

// stepKinds has those more than once that the others need.
var stepKinds = []string{"register", "register", "heal", "pass time", "begin", "deregister", "leave out", "break", "heal", "pass time", "begin", "end", "use nowhere", "use everywhere"}

func drawSteps(t *rapid.T) []step {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{
			kind:   rapid.SampledFrom(stepKinds).Draw(t, "kind"),
			target: rapid.IntRange(0, 5).Draw(t, "target"),
			pause:  time.Duration(rapid.IntRange(0, 200).Draw(t, "seconds")) * time.Second,
		}
	}), 1, 60).Draw(t, "steps")
}

// world is a group with all that its description, its targets and its clients do.
type world struct {
	group   *Group
	machine *ground
	spec    *balancer.Group
	open    []*Target
}

func (w *world) do(s step) {
	address := fmt.Sprintf("10.0.9.%d", s.target+1)
	at := -1
	for i, t := range w.spec.Targets {
		if t.ID == address {
			at = i
		}
	}
	next := changed(w.spec, func(*balancer.Group) {})
	switch s.kind {
	case "register":
		zone := []string{zoneA, zoneB, "all"}[s.target%3]
		registered := balancer.Target{ID: address, Port: 80, Zone: zone}
		if at >= 0 {
			next.Targets[at] = registered
		} else {
			next.Targets = append(next.Targets, registered)
		}
	case "deregister":
		if at >= 0 && next.Targets[at].DrainingSince.IsZero() {
			next.Targets[at].DrainingSince = time.Now()
		}
	case "leave out":
		if at >= 0 {
			next.Targets = append(next.Targets[:at], next.Targets[at+1:]...)
		}
	case "break":
		w.machine.is(address+":80", nil)
	case "heal":
		w.machine.is(address+":80", code(200))
	case "pass time":
		time.Sleep(s.pause)
	case "begin":
		if t, err := w.group.Pick(anywhere); err == nil {
			w.open = append(w.open, t)
		}
	case "end":
		if len(w.open) > 0 {
			w.open[0].End()
			w.open = w.open[1:]
		}
	case "use nowhere":
		w.group.Use(nil)
	case "use everywhere":
		w.group.Use(standing)
	}
	w.spec = next
	w.group.Set(next)
	synctest.Wait()
}

// candidates are how many targets are right for one who asks from a zone, being healthy, and how many may be taken when none is.
func (w *world) candidates(want Want) (right, others int) {
	health := w.group.Health()
	for _, t := range w.spec.Targets {
		switch h := health[t.Key()]; {
		case !want.CrossZone && t.Zone != want.Zone && t.Zone != "all":
		case h.State == balancer.Healthy:
			right++
		case h.State == balancer.Initial || h.State == balancer.Unhealthy:
			others++
		}
	}
	return right, others
}

// wrong says which promise of Pick is broken, for one who asks from a zone.
func (w *world) wrong(want Want) string {
	health := w.group.Health()
	right, others := w.candidates(want)
	if right == 0 { // then the other zones' are asked
		if healthy, any := w.candidates(Want{CrossZone: true}); healthy > 0 || others == 0 {
			right, others = healthy, any
		}
	}
	count := map[balancer.TargetKey]int{}
	const rounds = 60
	for range rounds {
		t, err := w.group.Pick(want)
		if err != nil {
			if right+others > 0 {
				return fmt.Sprintf("nothing is picked of %d healthy and %d others", right, others)
			}
			return ""
		}
		count[t.Key()]++
		t.End()
	}
	if right == 0 {
		right = others
	} else {
		for key := range count {
			if health[key].State != balancer.Healthy {
				return fmt.Sprintf("%v is picked, which is %s, while %d are healthy", key, health[key].State, right)
			}
		}
	}
	for key, n := range count {
		if s := health[key].State; s == balancer.Draining || s == balancer.Unused || s == "" {
			return fmt.Sprintf("%v is picked, which is %q", key, s)
		}
		if fair := rounds / right; w.spec.Algorithm != weightedRandom && !want.Source.IsValid() && (n < fair || n > fair+1) {
			return fmt.Sprintf("%v gets %d of %d beside %d others", key, n, rounds, right-1)
		}
	}
	return ""
}

// TestPickKeepsItsPromises walks groups through anything that may happen. Whatever does: a healthy target is picked as long as
// there is one, else one that is registered and in use; none that drains; and all that may be picked get the same.
func TestPickKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := drawSteps(rt)
		algorithm := rapid.SampledFrom([]string{"round_robin", weightedRandom}).Draw(rt, "algorithm")
		fast := rapid.Bool().Draw(rt, "fast")
		var broken string
		synctest.Test(t, func(t *testing.T) {
			spec := described(0)
			spec.Algorithm, spec.Stickiness.Kind = algorithm, sourceIP
			w := &world{machine: &ground{}, spec: spec}
			w.group = New(Config{Dialer: w.machine, Fast: fast}, spec)
			defer w.group.Close()
			w.group.Use(standing)
			for i, s := range steps {
				w.do(s)
				for _, want := range []Want{anywhere, {Zone: zoneA}, {Zone: zoneC}, {CrossZone: true, Source: netip.MustParseAddr("192.0.2.7")}} {
					if broken = w.wrong(want); broken != "" {
						broken = fmt.Sprintf("after step %d (%s): for %+v %s", i, s.kind, want, broken)
						return
					}
				}
				if broken = w.undrained(fast); broken != "" {
					return
				}
			}
		})
		if broken != "" {
			rt.Fatal(broken)
		}
	})
}

// undrained says which draining target tells the wrong thing about having drained.
func (w *world) undrained(fast bool) string {
	open := map[balancer.TargetKey]int{}
	for _, t := range w.open {
		if w.group.targets[t.Key()] == t {
			open[t.Key()]++
		}
	}
	for _, t := range w.spec.Targets {
		if t.DrainingSince.IsZero() {
			if w.group.Drained(t.Key()) {
				return fmt.Sprintf("%v is registered and has drained", t.Key())
			}
			continue
		}
		over := time.Since(t.DrainingSince) >= w.spec.Delay || fast && open[t.Key()] == 0
		if w.group.Drained(t.Key()) != over {
			return fmt.Sprintf("%v drains for %v with %d open: drained %v", t.Key(), time.Since(t.DrainingSince), open[t.Key()], !over)
		}
	}
	return ""
}
