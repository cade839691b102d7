package task

import (
	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/stats"
)

// Measured returns the tasks of an identity that have a running container; an empty name is every identity's.
func (r *Runner) Measured(identity string) []stats.Task {
	var measured []stats.Task
	for _, t := range r.goingOn(identity) {
		if m := t.measured(); len(m.Containers) > 0 {
			measured = append(measured, m)
		}
	}
	return measured
}

// measured is the task with those of its containers that run.
func (t *task) measured() stats.Task {
	t.mu.Lock()
	seen, stored := t.seen, t.storage
	t.mu.Unlock()
	m := stats.Task{ID: t.id, ARN: t.payload.Arn, Family: t.payload.Family, Revision: t.payload.Version,
		NetworkMode: t.payload.NetworkMode, Defined: len(t.payload.Containers)}
	if t.storageLimit() > 0 {
		m.Storage = &stored
	}
	for i := range t.payload.Containers {
		c := &t.payload.Containers[i]
		if s := find(seen, c.Name); s != nil && s.State == engine.Running {
			m.Containers = append(m.Containers, stats.Container{Name: c.Name, ARN: c.ContainerArn, Restarts: restarts(c, s)})
		}
	}
	return m
}
