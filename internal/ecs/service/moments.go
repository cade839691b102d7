package service

import (
	"fmt"
	"time"

	"github.com/berth-dev/berth/internal/ecs/service/plan"
)

// moments are when things began, by the monotonic clock. The records have times of the wall clock, which may be set back and
// forth; what began is measured by it once, when a leader sees it first. The zero value is ready to use.
type moments struct {
	began map[string]moment
	look  int // counts the looks
	used  int // how many moments this look has asked for
}

type moment struct {
	up   time.Duration // since the leader began; negative: it was before
	look int           // that it was asked for last
}

// tolerance is how far the two clocks may go apart until it is a jump. They are never quite the same.
const tolerance = time.Second

// at is when something began that the record says began at a time, as the wall clock would have it that says now: it lies as far
// back as the monotonic clock, which says up, has gone on. What lies ahead when it is seen first began just then.
func (m *moments) at(what string, recorded, now time.Time, up time.Duration) time.Time {
	of, ok := m.began[what]
	if !ok {
		of.up = up - max(0, now.Sub(recorded))
	}
	if !ok || of.look != m.look {
		of.look = m.look
		m.used++
		if m.began == nil {
			m.began = map[string]moment{}
		}
		m.began[what] = of
	}
	if at := now.Add(of.up - up); at.Sub(recorded).Abs() > tolerance {
		return at
	}
	return recorded
}

// end ends a look: what it has not asked for is forgotten.
func (m *moments) end() {
	if m.used < len(m.began) {
		for what, of := range m.began {
			if of.look != m.look {
				delete(m.began, what)
			}
		}
	}
	m.look, m.used = m.look+1, 0
}

// measure corrects, by the monotonic clock, when those things began that last for a while: tasks until they are healthy and
// their grace is over, stages that bake, hooks that wait for an answer.
func (l *loop) measure(key serviceKey, s *seen) {
	l.mu.Lock()
	m := l.since[key]
	if m == nil {
		m = &moments{}
		l.since[key] = m
	}
	l.mu.Unlock()
	now, up := s.world.Now, time.Since(l.began)
	for i := range s.world.Tasks {
		if t := &s.world.Tasks[i]; t.Phase == plan.Running && !t.StartedAt.IsZero() {
			t.StartedAt = m.at(t.ID, t.StartedAt, now, up)
		}
	}
	if d := s.service.Deployment; d != nil {
		if !d.StageAt.IsZero() {
			d.StageAt = m.at(fmt.Sprintf("%s/%s/%d", d.ID, d.Stage, d.Step), d.StageAt, now, up)
		}
		for i := range d.Calls {
			if c := &d.Calls[i]; c.Open() {
				at := m.at(c.ID, c.StartedAt, now, up)
				c.StartedAt, c.ExpiresAt = at, c.ExpiresAt.Add(at.Sub(c.StartedAt))
			}
		}
	}
	m.end()
}
