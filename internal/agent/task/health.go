package task

import (
	"cmp"
	"slices"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/api/tcs"
	"github.com/berth-dev/berth/internal/agent/db"
	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/metadata"
)

// healthOf is what is known of the health of a container's present run.
func (t *task) healthOf(name string, have *engine.ContainerStatus) db.Health {
	if h := t.remembered(name).Health; h != nil && have != nil && h.Run == have.Runs {
		return *h
	}
	unknown := db.Health{Status: tcs.HealthStatusUnknown}
	if have != nil {
		unknown.Run, unknown.Since = have.Runs, have.StartedAt
	}
	return unknown
}

// diagnose takes in a finding and says whether it is worth to be kept on disk.
func (t *task) diagnose(f finding) (changed bool) {
	was := db.Health{Status: tcs.HealthStatusUnknown, Run: f.health.Run}
	if h := t.remembered(f.container).Health; h != nil {
		was = *h
	}
	t.remember(f.container, func(c *db.Container) { c.Health = &f.health })
	changed = was.Run != f.health.Run || was.Status != f.health.Status
	if !changed {
		return false
	}
	t.log.Info("container's health", "container", f.container, "status", f.health.Status, "output", f.health.Output)
	if t.HealthChanged != nil {
		t.HealthChanged(t.identity, t.health())
	}
	return true
}

// describeHealth is the health of a container in its metadata; nil when nobody looks at it.
func (t *task) describeHealth(c *acs.Container, have *engine.ContainerStatus) *metadata.Health {
	if c.HealthCheckType == "" {
		return nil
	}
	known := t.healthOf(c.Name, have)
	if known.Status == tcs.HealthStatusUnknown {
		return &metadata.Health{}
	}
	return &metadata.Health{Status: string(known.Status), StatusSince: known.Since.UTC(), Output: known.Output}
}

// health is what is known of the health of the task's containers that are checked, as the control plane is told it.
func (t *task) health() tcs.TaskHealth {
	t.mu.Lock()
	seen := t.seen
	t.mu.Unlock()
	h := tcs.TaskHealth{TaskArn: t.payload.Arn, ClusterArn: t.payload.TaskClusterArn, TaskDefinitionFamily: t.payload.Family, TaskDefinitionVersion: t.payload.Version}
	for i := range t.payload.Containers {
		c := &t.payload.Containers[i]
		have := find(seen, c.Name)
		if c.HealthCheckType == "" || have == nil || have.StartedAt.IsZero() {
			continue
		}
		known := t.healthOf(c.Name, have)
		h.Containers = append(h.Containers, tcs.ContainerHealth{ContainerName: c.Name, HealthStatus: known.Status,
			StatusSince: schema.At(known.Since), StatusMessage: clip(known.Output)})
	}
	return h
}

// Health is what is known of the health of an identity's tasks whose containers are checked, ordered by task.
func (r *Runner) Health(identity string) []tcs.TaskHealth {
	var all []tcs.TaskHealth
	for _, t := range r.goingOn(identity) {
		if h := t.health(); len(h.Containers) > 0 {
			all = append(all, h)
		}
	}
	slices.SortFunc(all, func(a, b tcs.TaskHealth) int { return cmp.Compare(a.TaskArn, b.TaskArn) })
	return all
}
