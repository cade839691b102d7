package sim

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/agent/engine"
)

// What tasks and containers are reported as.
const (
	running = "RUNNING"
	stopped = "STOPPED"
)

// reasonGone is why a task ends that the machine no longer has.
const reasonGone = "The task's containers are gone: the machine was restarted."

// stopTimeout is the time between the stop signal and the kill.
const stopTimeout = 30 * time.Second

// step takes a task as far as it goes by itself: to its containers' start and the report of it, or to its end and the
// report of that, after which nothing is left of it.
func (t *tasks) step(ctx context.Context, h *hollow, stop bool) (gone bool) {
	var failed map[string]string
	status, err := t.engine.Inspect(ctx, h.id)
	switch {
	case h.created && errors.Is(err, engine.ErrNotFound):
		failed = map[string]string{"": reasonGone}
	case !stop && h.told == "":
		h.created = true
		failed = t.start(ctx, h)
		status, _ = t.engine.Inspect(ctx, h.id)
	}
	if ctx.Err() != nil {
		return false
	}
	if !stop && len(failed) == 0 && !h.over(status) {
		if h.told == "" && t.send(ctx, h.change(status, running, nil)) {
			h.told = running
		}
		return false
	}
	for _, c := range status.Containers {
		if c.State == engine.Running && t.engine.StopContainer(ctx, h.id, c.Name, stopTimeout) != nil {
			return false // the agent's life ends
		}
	}
	status, _ = t.engine.Inspect(ctx, h.id)
	if !t.send(ctx, h.change(status, stopped, failed)) {
		return false
	}
	return t.engine.RemoveTask(ctx, h.id) == nil
}

// start has the engine start what is not started, and returns why containers can't run.
func (t *tasks) start(ctx context.Context, h *hollow) (failed map[string]string) {
	fail := func(c container, err error) {
		if err != nil && ctx.Err() == nil {
			if failed == nil {
				failed = map[string]string{}
			}
			failed[c.name] = err.Error()
		}
	}
	if err := t.engine.CreateTask(ctx, engine.TaskSpec{Task: h.id}); err != nil {
		fail(container{}, err)
	}
	for _, c := range h.containers {
		_, err := t.engine.PullImage(ctx, engine.PullRequest{Reference: c.image, Task: h.id, Container: c.name}, nil)
		if err == nil {
			err = t.engine.CreateContainer(ctx, h.id, engine.ContainerSpec{Name: c.name, Image: c.image})
		}
		if err == nil {
			err = t.engine.StartContainer(ctx, h.id, c.name)
		}
		fail(c, err)
	}
	return failed
}

// over says that an essential container has ended.
func (h *hollow) over(s engine.TaskStatus) bool {
	return slices.ContainsFunc(s.Containers, func(is engine.ContainerStatus) bool {
		return is.State == engine.Stopped && slices.ContainsFunc(h.containers, func(c container) bool { return c.essential && c.name == is.Name })
	})
}

// change is what the control plane is told when the task has this status.
func (h *hollow) change(s engine.TaskStatus, status string, failed map[string]string) *ecs.SubmitTaskStateChangeRequest {
	now := schema.At(time.Now())
	change := &ecs.SubmitTaskStateChangeRequest{Task: h.arn, Status: status, PullStartedAt: now, PullStoppedAt: now}
	if status == stopped {
		change.ExecutionStoppedAt = now
		change.Reason = failed[""]
	} else {
		for _, arn := range h.attachments {
			change.Attachments = append(change.Attachments, ecs.AttachmentStateChange{AttachmentArn: arn, Status: "ATTACHED"})
		}
	}
	seen := map[string]engine.ContainerStatus{}
	for _, c := range s.Containers {
		seen[c.Name] = c
	}
	for _, c := range h.containers {
		reported := ecs.ContainerStateChange{ContainerName: c.name, Status: status, Reason: failed[c.name]}
		if was, ok := seen[c.name]; ok {
			reported.RuntimeId, reported.ImageDigest = was.RuntimeID, was.ImageDigest
			if was.ExitKnown {
				code := int32(was.ExitCode)
				reported.ExitCode = &code
			}
			if was.State == engine.Stopped {
				reported.Status = stopped
			}
		}
		change.Containers = append(change.Containers, reported)
	}
	return change
}
