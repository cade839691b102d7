package ecs

import (
	"slices"
	"strings"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
)

// TaskReport is what an agent says of one of its tasks. Reports come late, twice and out of order; a report about the
// past changes nothing.
type TaskReport struct {
	Status Status // PENDING, RUNNING or STOPPED; empty: says nothing of the task as a whole
	Reason string
	// Containers in the order of what happened to them: one container may occur twice, RUNNING then STOPPED.
	Containers                                       []api.ContainerStateChange
	Attachments                                      []api.AttachmentStateChange
	ManagedAgents                                    []api.ManagedAgentStateChange
	PullStartedAt, PullStoppedAt, ExecutionStoppedAt time.Time
}

// The texts of stoppedReason.
const (
	reasonEssentialExited = "Essential container in task exited"
	reasonFailedToStart   = "Task failed to start"
	reasonUser            = "Task stopped by user"
)

// maxReported is how many bytes are kept of a text of a report. It is more than agents send: Amazon's cuts reasons at 1024 characters itself.
const maxReported = 1024

// observe applies a report to the task, which is a copy that may be changed. Observed state only moves forward.
func (t *Task) observe(r TaskReport, now time.Time) {
	if !t.Status.Live() {
		return
	}
	r.Reason = reported(r.Reason)
	if t.ConnectedAt.IsZero() {
		t.ConnectedAt = now
	}
	setOnce(&t.PullStartedAt, r.PullStartedAt)
	setOnce(&t.PullStoppedAt, r.PullStoppedAt)
	for _, a := range r.Attachments {
		t.observeAttachment(a)
	}
	for _, c := range r.Containers {
		t.observeContainer(c)
	}
	for _, a := range r.ManagedAgents {
		t.observeManagedAgent(a, now)
	}
	t.move(Pending, ByAgent)
	if r.Status == Running && t.move(t.started(), ByAgent) {
		t.StartedAt = now
	}
	switch {
	case r.Status == Stopped:
		t.observeEnd(r, now)
	case t.essential(func(*Container) bool { return true }) != nil:
		t.ending(r, now)
		t.move(Stopping, ByAgent)
	}
}

// acknowledgeStop records that the agent has the order to stop the task.
func (t *Task) acknowledgeStop() {
	if t.Told() == api.DesiredStatusStopped {
		t.move(Stopping, ByAgent)
	}
}

// observeEnd applies the report that all of the task's containers are gone.
func (t *Task) observeEnd(r TaskReport, now time.Time) {
	for i := range t.Containers {
		c := &t.Containers[i]
		c.Status = Stopped
		if a := c.ManagedAgent; a != nil {
			c.ManagedAgent = &ManagedAgent{Status: string(Stopped), Reason: a.Reason, StartedAt: a.StartedAt}
		}
	}
	t.ending(r, now)
	if setOnce(&t.ExecutionStoppedAt, r.ExecutionStoppedAt); t.ExecutionStoppedAt.IsZero() {
		t.ExecutionStoppedAt = now
	}
	if len(t.Attachments) > 0 {
		t.move(Deprovisioning, ByAgent)
		return
	}
	t.move(Stopped, ByAgent)
	t.StoppedAt = now
}

// ending records the first sign of the task's end, and why it ends when nobody ordered it.
func (t *Task) ending(r TaskReport, now time.Time) {
	setOnce(&t.EndingAt, now)
	if t.Stop == nil && t.End == nil {
		code, reason := t.cause(r)
		t.End = &Stop{Code: code, Reason: reason, At: now}
	}
}

// cause says why a task that nobody ordered to stop has ended.
func (t *Task) cause(r TaskReport) (api.TaskStopCode, string) {
	if t.StartedAt.IsZero() {
		failed := t.essential(func(c *Container) bool { return !c.ran() && c.Reason != "" })
		switch {
		case failed == nil && t.essential((*Container).ran) != nil:
			return api.TaskStopCodeEssentialContainerExited, reasonEssentialExited
		case r.Reason != "":
			return api.TaskStopCodeTaskFailedToStart, r.Reason
		case failed != nil: // those that ran were stopped for it
			return api.TaskStopCodeTaskFailedToStart, failed.Reason
		}
		for _, c := range t.Containers {
			if c.Reason != "" {
				return api.TaskStopCodeTaskFailedToStart, c.Reason
			}
		}
		return api.TaskStopCodeTaskFailedToStart, reasonFailedToStart
	}
	if r.Reason != "" {
		return api.TaskStopCodeEssentialContainerExited, r.Reason
	}
	return api.TaskStopCodeEssentialContainerExited, reasonEssentialExited
}

// essential is the first essential container that has stopped and is such a one, nil while there is none.
func (t *Task) essential(such func(*Container) bool) *Container {
	i := slices.IndexFunc(t.Containers, func(c Container) bool { return c.Essential && c.Status == Stopped && such(&c) })
	if i < 0 {
		return nil
	}
	return &t.Containers[i]
}

// ran tells whether a stopped container ever was a process: engines give an exit code to one that could not start too.
func (c *Container) ran() bool {
	return c.ExitCode != nil && !strings.HasPrefix(c.Reason, "Cannot")
}

func (t *Task) observeContainer(r api.ContainerStateChange) {
	c, ok := t.Container(r.ContainerName)
	status := Status(r.Status)
	if !ok || status.Before(c.Status) {
		return
	}
	if status == Stopped && c.Status != Stopped {
		before := 0
		for _, other := range t.Containers {
			before = max(before, other.Ended)
		}
		c.Ended = before + 1
	}
	switch status {
	case Pending, Running, Stopped:
		c.Status = status
	}
	setText(&c.RuntimeID, r.RuntimeId)
	setText(&c.ImageDigest, r.ImageDigest)
	setText(&c.Reason, r.Reason)
	if len(r.NetworkBindings) > 0 {
		c.NetworkBindings = r.NetworkBindings
	}
	if status == Stopped && r.ExitCode != nil && c.ExitCode == nil {
		c.ExitCode = r.ExitCode
	}
}

func (t *Task) observeManagedAgent(r api.ManagedAgentStateChange, now time.Time) {
	c, ok := t.Container(r.ContainerName)
	if !ok || !t.Executable || r.ManagedAgentName != api.ManagedAgentNameExecuteCommandAgent {
		return
	}
	a := ManagedAgent{Status: reported(r.Status), Reason: reported(r.Reason)}
	if old := c.ManagedAgent; old != nil {
		if old.Status == a.Status && old.Reason == a.Reason {
			return
		}
		a.StartedAt = old.StartedAt
	}
	if a.Status == string(Running) {
		a.StartedAt = now
	}
	c.ManagedAgent = &a
}

func (t *Task) observeAttachment(r api.AttachmentStateChange) {
	for i := range t.Attachments {
		a := &t.Attachments[i]
		if strings.HasSuffix(r.AttachmentArn, "/"+a.ID) && a.Status == AttachmentPrecreated && r.Status == AttachmentAttached {
			a.Status = AttachmentAttached
		}
	}
}

// move changes the status if that is a step that the actor may make, and tells whether it did.
func (t *Task) move(to Status, by Actor) bool {
	if !May(by, t.Status, to) {
		return false
	}
	t.Status = to
	return true
}

// observeHealth applies what an agent says of the health of the task's containers.
func (t *Task) observeHealth(containers map[string]HealthReport) {
	if !t.Status.Live() {
		return
	}
	for i := range t.Containers {
		c := &t.Containers[i]
		if h, ok := containers[c.Name]; ok && c.Checked && c.Status != Stopped && h.IsNews(c) {
			c.Health, c.HealthOutput = h.Status, reported(h.Output)
		}
	}
}

// Health is the task's own: UNHEALTHY if an essential container is, HEALTHY if all that are checked are, else UNKNOWN.
func (t *Task) Health() api.HealthStatus {
	health, checked := api.HealthStatusHealthy, false
	for _, c := range t.Containers {
		if !c.Essential || !c.Checked {
			continue
		}
		checked = true
		switch c.Health {
		case api.HealthStatusUnhealthy:
			return api.HealthStatusUnhealthy
		case api.HealthStatusHealthy:
		default:
			health = api.HealthStatusUnknown
		}
	}
	if !checked {
		return api.HealthStatusUnknown
	}
	return health
}

func setOnce(at *time.Time, t time.Time) {
	if at.IsZero() && !t.IsZero() {
		*at = t
	}
}

func setText(to *string, s string) {
	if s != "" {
		*to = reported(s)
	}
}

// reported is what is kept of a text of a report.
func reported(s string) string {
	if len(s) <= maxReported {
		return s
	}
	return strings.ToValidUTF8(s[:maxReported], "")
}
