package dispatch

import (
	"fmt"
	"time"
)

// An agent whose instance was deregistered while it was away comes back with containers that run for tasks which have ended.
// Berth's agent stops them when its session is refused for that reason. Amazon's agent goes on with them then, so that it
// gets one session more: it is told that it should have no task, asks whether to stop those that it has, and is told yes.

const (
	// leaveWithin is how long an agent may take to acknowledge that it should have no task.
	leaveWithin = 20 * time.Second
	// leaveGrace is how long to wait, after that, for its question which tasks to stop. It has none when it runs nothing.
	leaveGrace = 5 * time.Second
)

// leave is the loop of a session of a deregistered instance.
func (s *session) leave() {
	s.sendManifest(time.Now())
	over := time.NewTimer(leaveWithin)
	defer over.Stop()
	for s.ctx.Err() == nil {
		asked := s.manifest.acknowledged
		select {
		case <-s.ctx.Done():
			return
		case data := <-s.frames:
			s.receive(data)
		case <-over.C:
			if !s.manifest.acknowledged {
				s.cancel(errSilent)
				return
			}
			s.verified = true
		}
		if s.manifest.acknowledged && !asked {
			over.Reset(leaveGrace)
		}
		if s.verified {
			s.left()
		}
	}
}

// left ends the session for good: the next one is refused.
func (s *session) left() {
	if err := s.d.Observer.AgentLeft(s.ctx, s.key.scope, s.key.instance); err != nil {
		s.cancel(fmt.Errorf("record that the agent of a deregistered instance has left: %w", err))
		return
	}
	s.log.Info("the agent of a deregistered instance was told to stop what it runs")
	s.cancel(errInactive)
}
