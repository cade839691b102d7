package ecs

import (
	"slices"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// How tasks are registered with load balancers. The life of one that has targets:
//
// Once its agent has reported it RUNNING it is ACTIVATING; the task reconciler registers it, in one transaction with the move
// to RUNNING. It does not wait for health checks. When it is ordered to stop, the reconciler deregisters it, in one transaction with the
// move to DEACTIVATING, and waits until it has drained; then it moves it to STOPPING, and only from there on is the agent told to
// stop it. A task whose containers end by themselves, or of which no agent will report any more, is deregistered in the
// transaction that records it.

// started is the status of a task whose agent has reported it RUNNING.
func (t *Task) started() Status {
	if len(t.Targets) > 0 {
		return Activating
	}
	return Running
}

// registered tells whether the task is registered with load balancers.
func (t *Task) registered() bool { return !t.RegisteredAt.IsZero() && t.DeregisteredAt.IsZero() }

// drains tells whether the task was ordered to stop and goes on for the sake of its connections: it is to be deregistered, or was and
// has not drained yet.
func (t *Task) drains() bool {
	switch {
	case t.Stop == nil || t.Stop.Now || !t.EndingAt.IsZero():
		return false
	case t.Status == Running:
		return t.registered()
	}
	return t.Status == Deactivating
}

// registrations are what a task is to be registered as; nil while that is not known, for its agent has not told the ports.
func (s *Service) registrations(scope store.Scope, t *Task) []Registration {
	out := make([]Registration, 0, len(t.Targets))
	for _, target := range t.Targets {
		id, port := s.address(scope, t, target)
		if id == "" || port == 0 {
			return nil
		}
		out = append(out, Registration{Group: target.Group, ID: id, Port: port})
	}
	return out
}

// address is where a task's target is reached: by its network interface, or by a port of its machine.
func (s *Service) address(scope store.Scope, t *Task, target TaskTarget) (id string, port uint16) {
	if len(t.Attachments) > 0 {
		return t.Attachments[0].Interface.Address, uint16(target.Port)
	}
	row, ok := s.Instances.Get(scope, t.Instance)
	if !ok {
		return "", 0
	}
	if t.NetworkMode == api.NetworkModeHost {
		return row.Value.EC2InstanceID, uint16(target.Port)
	}
	c, _ := t.Container(target.Container)
	if c == nil {
		return "", 0
	}
	at := slices.IndexFunc(c.NetworkBindings, func(b api.NetworkBinding) bool {
		return valueOf(b.ContainerPort) == target.Port && valueOf(b.HostPort) > 0
	})
	if at < 0 {
		return "", 0
	}
	return row.Value.EC2InstanceID, uint16(valueOf(c.NetworkBindings[at].HostPort))
}

// register registers a task with the groups of its targets, as part of the transaction, and takes it to RUNNING.
func (s *Service) register(tx *store.Tx, scope store.Scope, t *Task, now time.Time) error {
	t.Registered = s.registrations(scope, t)
	for _, r := range t.Registered {
		if err := s.config.Balancing.Register(tx, scope, r.Group, r.ID, r.Port); err != nil {
			return err
		}
	}
	t.RegisteredAt = now
	t.move(Running, ByReconciler)
	return nil
}

// deregister takes a task from the groups that it is registered with, as part of the transaction. It does so once.
func (s *Service) deregister(tx *store.Tx, scope store.Scope, t *Task, now time.Time) error {
	if !t.registered() {
		return nil
	}
	for _, r := range t.Registered {
		if err := s.config.Balancing.Deregister(tx, scope, r.Group, r.ID, r.Port); err != nil {
			return err
		}
	}
	t.DeregisteredAt = now
	return nil
}

// longestDraining is the longest that a target group may drain, and a little more: a task whose target somebody registers again by hand
// is not kept for ever.
const longestDraining = time.Hour + time.Minute

// drained tells whether a task that was deregistered has no connections by its targets any more.
func (s *Service) drained(scope store.Scope, t *Task, now time.Time) bool {
	return now.Sub(t.DeregisteredAt) > longestDraining || !slices.ContainsFunc(t.Registered, func(r Registration) bool {
		return !s.config.Balancing.Drained(scope, r.Group, r.ID, r.Port)
	})
}
