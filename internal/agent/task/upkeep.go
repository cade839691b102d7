package task

import (
	"context"
	"sync"
	"time"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/retry"
)

// upkeep keeps a task's containers as they should be from the moment they are made until the task ends: it starts what
// may start, restarts what is to go on, has checked what is to be checked, and reports what becomes of them. Each look
// compares what is with what should be, and acts on the difference. What takes its time goes on beside it, and its end
// is one more thing that has happened.
type upkeep struct {
	*task
	up      context.Context // ends when the task is to stop, or does not go on
	working context.Context // ends with the agent: a call to the engine that is cut short leaves it busy

	now     engine.TaskStatus // as the engine last said since the task was made
	asked   map[string]int    // the run that was last asked for, by container
	begun   map[string]begun  // when the runs that are waited for began, by container
	answers chan answer       // has room for one of each container
	callers sync.WaitGroup
	exams   examinations
	tell    time.Time // when the control plane is told of what has changed while the task starts; zero: nothing has
	unsaved bool      // what is remembered is not on disk
}

// answer is what came of asking the engine to run a container. An error is the engine's decision.
type answer struct {
	container *acs.Container
	run       int
	err       error
}

// sighting is a state of the task in the engine.
type sighting struct {
	engine.TaskStatus
	gone bool // the engine no longer has the task
}

// keep keeps the task up, whose containers are made. It returns when the task does not go on, a *failure, or with the end
// of up.
func (t *task) keep(up, working context.Context) (err error) {
	up, cancel := context.WithCancel(up)
	u := &upkeep{task: t, up: up, working: working, asked: map[string]int{}, begun: map[string]begun{}, answers: make(chan answer, len(t.payload.Containers))}
	u.exams.begin(up, t)
	seen := make(chan sighting)
	var following sync.WaitGroup
	following.Go(func() { t.sight(up, seen) })
	full := make(chan *failure, 1)
	following.Go(func() { t.watchStorage(up, full) })
	defer func() {
		cancel()
		following.Wait()
		u.exams.end()
		u.settle()
	}()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		next, err := u.look()
		if err != nil {
			return err
		}
		wake(timer, next)
		select {
		case s := <-seen:
			if s.gone {
				return errGone
			}
			u.now = s.TaskStatus
			t.observe(u.now)
		case a := <-u.answers:
			if err := u.take(a); err != nil {
				return err
			}
		case h := <-u.exams.found:
			u.unsaved = t.diagnose(h) || u.unsaved
		case over := <-full:
			return over
		case <-timer.C:
		case <-up.Done():
			return context.Cause(up)
		}
	}
}

// look acts on what is and says when to look again if nothing happens; zero: no sooner than something does.
func (u *upkeep) look() (next time.Time, err error) {
	if u.now.Lost {
		return next, &failure{lost(u.now)}
	}
	at := time.Now()
	// A container that never starts may be one that another waits for: what follows from it is seen in the next round.
	for failed := true; failed; {
		failed, next = false, time.Time{}
		for i := range u.payload.Containers {
			c := &u.payload.Containers[i]
			run, w := u.wants(c, at)
			next = sooner(next, w.until)
			switch {
			case w.never != nil:
				failed = true
				if err := u.cannot(c.Name, c.Essential, engine.CannotStartContainer, w.never); err != nil {
					return next, err
				}
			case run > u.asked[c.Name]:
				u.ask(c, run)
			}
		}
	}
	if u.hasEnded(u.now) {
		return next, errEssential
	}
	u.unsaved = u.exams.attend(u.now) || u.unsaved
	if err := u.tellNews(at); err != nil {
		return next, err
	}
	if u.unsaved {
		if err := u.save(u.up); err != nil {
			return next, err
		}
		u.unsaved = false
	}
	return sooner(next, u.tell), nil
}

// wants is the run that a container should be in, 0 if it should do nothing, and what it waits for to be started.
func (u *upkeep) wants(c *acs.Container, at time.Time) (run int, w wait) {
	have := find(u.now, c.Name)
	switch {
	case u.failed(c.Name, have) != "":
		return 0, wait{}
	case have == nil: // it is made, and the engine has yet to say so
		return 0, wait{}
	case have.State == engine.Created:
		if w = u.awaits(c, u.now, at); w.holds {
			return 1, wait{}
		}
		return 0, w
	case have.State == engine.Stopped && !u.isOver(c, have):
		return have.Runs + 1, wait{}
	}
	return 0, wait{}
}

// ask has the engine run a container, and hears of it later.
func (u *upkeep) ask(c *acs.Container, run int) {
	u.asked[c.Name] = run
	u.callers.Go(func() {
		err := u.patiently(u.up, "run container "+c.Name, func() error {
			return u.within(u.working, startTimeout, "started", func(ctx context.Context) error {
				if run == 1 {
					return u.Engine.StartContainer(ctx, u.id, c.Name)
				}
				return u.Engine.RestartContainer(ctx, u.id, c.Name, run)
			})
		})
		if u.working.Err() != nil || err != nil && err == context.Cause(u.up) {
			err = nil // nothing is known
		}
		u.answers <- answer{c, run, err}
	})
}

// take takes in what came of asking for a run. That it runs, the engine's next word tells.
func (u *upkeep) take(a answer) error {
	switch {
	case a.err == nil:
		return nil
	case a.run == 1:
		return u.cannot(a.container.Name, a.container.Essential, engine.CannotStartContainer, a.err)
	}
	u.cannotAgain(a.container.Name, a.err)
	return nil
}

// settle waits for the calls that are under way, which nothing that comes after may overtake, and keeps what came of them.
func (u *upkeep) settle() {
	u.callers.Wait()
	for {
		select {
		case a := <-u.answers:
			_ = u.take(a)
		default:
			return
		}
	}
}

// sight sends the task's states until ctx ends or the engine has the task no longer.
func (t *task) sight(ctx context.Context, seen chan<- sighting) {
	send := func(s sighting) {
		select {
		case seen <- s:
		case <-ctx.Done():
		}
	}
	for ctx.Err() == nil {
		if states, err := t.Engine.Watch(ctx, t.id); err == nil {
			for s := range states {
				send(sighting{TaskStatus: s})
			}
		}
		// The engine has let go of the watch. Whether the task is still there decides.
		s, found, err := t.inspect(ctx)
		if err != nil {
			return
		}
		send(sighting{s, !found})
		retry.Pause(ctx, 100*time.Millisecond)
	}
}

// wake sets a timer to a time; zero: for ever.
func wake(timer *time.Timer, at time.Time) {
	timer.Stop()
	if !at.IsZero() {
		timer.Reset(time.Until(at))
	}
}
