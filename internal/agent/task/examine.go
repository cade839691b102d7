package task

import (
	"context"
	"sync"
	"time"

	"github.com/berth-dev/berth/api/tcs"
	"github.com/berth-dev/berth/internal/agent/db"
	"github.com/berth-dev/berth/internal/agent/engine"
)

// While a container's health is not known it is looked at more often than its definition says: first after firstLook,
// then each time after twice as long, in its start period at least every startLook, as Docker does. Only what is found to
// be well counts of these looks.
const (
	firstLook = time.Second
	startLook = 5 * time.Second
)

// examinations are the health checks that go on: one of each running container that has a check.
type examinations struct {
	task    *task
	ctx     context.Context
	checks  map[string]*check
	running map[string]*examination
	found   chan finding
	wg      sync.WaitGroup
}

type examination struct {
	run    int
	cancel context.CancelFunc
}

// finding is what has become known of the health of a container.
type finding struct {
	container string
	health    db.Health
}

// begin makes ready for the life of ctx.
func (e *examinations) begin(ctx context.Context, t *task) {
	e.task, e.ctx, e.found = t, ctx, make(chan finding)
	e.checks, e.running = map[string]*check{}, map[string]*examination{}
	for i := range t.payload.Containers {
		c := &t.payload.Containers[i]
		if k, err := checkOf(c); err == nil && k != nil { // an error has kept it from being made
			e.checks[c.Name] = k
		}
	}
}

// end ends them all; ctx has ended.
func (e *examinations) end() { e.wg.Wait() }

// attend has what runs examined, and nothing else. It says whether what is remembered has changed: of a container that was
// restarted nothing is known.
func (e *examinations) attend(s engine.TaskStatus) (changed bool) {
	for name, k := range e.checks {
		have, now := find(s, name), e.running[name]
		runs := have != nil && have.State == engine.Running
		if now != nil && (!runs || now.run != have.Runs) {
			now.cancel()
			delete(e.running, name)
			now = nil
		}
		if !runs || now != nil {
			continue
		}
		ctx, cancel := context.WithCancel(e.ctx)
		e.running[name] = &examination{have.Runs, cancel}
		known := e.task.healthOf(name, have)
		changed = e.task.diagnose(finding{name, known}) || changed
		startedAt := ticking(have.StartedAt)
		e.wg.Go(func() {
			k.examine(ctx, startedAt, known, func() probing { return e.task.probe(ctx, name, k) }, func(h db.Health) {
				select {
				case e.found <- finding{name, h}:
				case <-ctx.Done():
				}
			})
		})
	}
	return changed
}

// examine looks at a container's health again and again until ctx ends, one look after the other, and tells what it finds
// that is new. known is what was found before, by an earlier agent perhaps.
func (k *check) examine(ctx context.Context, startedAt time.Time, known db.Health, look func() probing, tell func(db.Health)) {
	failures, soon := 0, firstLook
	regular := time.Now().Add(k.interval)
	for {
		inStartPeriod := known.Status == tcs.HealthStatusUnknown && time.Since(startedAt) < k.startPeriod
		early := known.Status == tcs.HealthStatusUnknown && failures == 0 && time.Now().Add(soon).Before(regular)
		at := regular
		if early {
			at = time.Now().Add(soon)
			if soon *= 2; inStartPeriod {
				soon = min(soon, startLook)
			}
		}
		if !pauseUntil(ctx, at) {
			return
		}
		found := look()
		if ctx.Err() != nil {
			return
		}
		if !early {
			regular = time.Now().Add(k.interval)
		}
		next := known
		switch next.Output = found.output; {
		case !found.known:
			continue
		case found.healthy:
			failures, next.Status = 0, tcs.HealthStatusHealthy
		case early || inStartPeriod:
		default:
			if failures++; failures >= k.retries {
				next.Status = tcs.HealthStatusUnhealthy
			}
		}
		if next.Status != known.Status {
			next.Since = time.Now()
		}
		if next != known {
			known = next
			tell(known)
		}
	}
}
