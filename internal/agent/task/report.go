package task

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/agent/db"
	"github.com/berth-dev/berth/internal/agent/engine"
)

// What a task and its containers are reported as.
const (
	pending = "PENDING"
	running = "RUNNING"
	stopped = "STOPPED"
)

// oomReason is the ECS agent's text for a container that its memory limit ended.
const oomReason = "OutOfMemoryError: Container killed due to memory usage"

// report queues reports of the task and its containers, one for each status, in one step with the progress that they
// tell of. When it returns they are on disk and on their way.
func (t *task) report(ctx context.Context, s engine.TaskStatus, statuses ...string) error {
	var reports []db.Report
	for _, status := range statuses {
		change := t.change(s, status)
		body, err := json.Marshal(&change)
		if err != nil {
			return err
		}
		t.progress.Running = t.progress.Running || status == running
		t.progress.Stopped = t.progress.Stopped || status == stopped
		t.progress.Reports++
		for _, c := range change.Containers {
			t.remember(c.ContainerName, func(p *db.Container) { p.Reported = c.Status })
		}
		reports = append(reports, db.Report{Task: t.id, Sequence: t.progress.Reports, Identity: t.identity, Change: body,
			Last: status == stopped})
	}
	err := t.save(ctx, func(b *db.Batch) {
		for _, r := range reports {
			b.PutReport(r)
		}
	})
	if err == nil {
		t.outbox.add(t.acknowledged, reports...)
	}
	return err
}

// remember changes what is remembered of a container. The map is a new one: the old one may be on its way to disk.
func (t *task) remember(container string, change func(*db.Container)) {
	containers := maps.Clone(t.progress.Containers)
	if containers == nil {
		containers = map[string]db.Container{}
	}
	c := containers[container]
	change(&c)
	containers[container] = c
	t.mu.Lock()
	defer t.mu.Unlock()
	t.progress.Containers = containers
}

// remembered is what is remembered of a container. Anybody may ask.
func (t *task) remembered(container string) db.Container {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.progress.Containers[container]
}

// change is what the control plane is told when the task has this status.
func (t *task) change(s engine.TaskStatus, status string) ecs.SubmitTaskStateChangeRequest {
	change := ecs.SubmitTaskStateChangeRequest{
		Task:          t.payload.Arn,
		Status:        status,
		PullStartedAt: schema.At(t.progress.PullStartedAt),
		PullStoppedAt: schema.At(t.progress.PullStoppedAt),
	}
	if status == stopped {
		change.Reason = clip(t.progress.Failed)
		change.ExecutionStoppedAt = schema.At(t.progress.ExecutionStoppedAt)
	}
	if t.attached && status != stopped {
		for _, eni := range t.payload.ElasticNetworkInterfaces {
			change.Attachments = append(change.Attachments, ecs.AttachmentStateChange{AttachmentArn: eni.AttachmentArn, Status: "ATTACHED"})
		}
	}
	for _, c := range t.payload.Containers {
		reported := t.containerChange(&c, find(s, c.Name), status == stopped)
		if status == stopped {
			reported.Status = stopped
		}
		if reported.Status == "" {
			continue
		}
		if reported.RuntimeId != "" {
			reported.NetworkBindings = t.bindings(&c, find(s, c.Name))
		}
		change.Containers = append(change.Containers, reported)
		for _, a := range c.ManagedAgents { // what executes commands is this agent: it can wherever the container runs
			change.ManagedAgents = append(change.ManagedAgents, ecs.ManagedAgentStateChange{ContainerName: c.Name,
				ManagedAgentName: ecs.ManagedAgentName(a.Name), Status: reported.Status})
		}
	}
	orderEnds(change.Containers, s)
	return change
}

// orderEnds puts the containers that have ended into the order in which they did, at the places that they have.
func orderEnds(changes []ecs.ContainerStateChange, s engine.TaskStatus) {
	end := func(c ecs.ContainerStateChange) (at time.Time) {
		if have := find(s, c.ContainerName); have != nil && c.Status == stopped {
			at = have.FinishedAt
		}
		return at
	}
	var places []int
	var ended []ecs.ContainerStateChange
	for i, c := range changes {
		if !end(c).IsZero() {
			places, ended = append(places, i), append(ended, c)
		}
	}
	slices.SortStableFunc(ended, func(a, b ecs.ContainerStateChange) int { return end(a).Compare(end(b)) })
	for i, place := range places {
		changes[place] = ended[i]
	}
}

// containerChange is what the control plane is told of a container; nil is one that the engine does not have. A status
// is set once there is something to tell. Of one that is about to be restarted there is nothing new, unless this is final.
func (t *task) containerChange(c *acs.Container, have *engine.ContainerStatus, final bool) ecs.ContainerStateChange {
	change := ecs.ContainerStateChange{ContainerName: c.Name}
	if have != nil && (have.State == engine.Running || !have.StartedAt.IsZero()) {
		change.RuntimeId, change.ImageDigest, change.Status = have.RuntimeID, have.ImageDigest, running
		if have.State == engine.Stopped && (final || t.isOver(c, have)) {
			change.Status, change.Reason = stopped, t.progress.Containers[c.Name].Unrestarted
			if have.ExitKnown {
				code := int32(have.ExitCode)
				change.ExitCode = &code
			}
			if have.OOMKilled {
				change.Reason = oomReason
			}
		}
	}
	if why := t.failed(c.Name, have); why != "" {
		change.Status, change.Reason = stopped, why
	}
	return change
}

// failed is why a container never ran, in the agent's memory or in the engine's; empty for one that did or may.
func (t *task) failed(name string, c *engine.ContainerStatus) string {
	if why := t.progress.Containers[name].Failed; why != "" {
		return why
	}
	if c != nil && c.Error != "" && c.StartedAt.IsZero() {
		return reasonOf(engine.CannotStartContainer, errors.New(c.Error))
	}
	return ""
}

// find returns a container of a task, nil when the engine does not have it.
func find(s engine.TaskStatus, name string) *engine.ContainerStatus {
	for i := range s.Containers {
		if s.Containers[i].Name == name {
			return &s.Containers[i]
		}
	}
	return nil
}
