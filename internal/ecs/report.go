package ecs

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"strings"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// The ways by which observed state comes in: agents' Submit operations, and what package dispatch hears in its sessions.
// Reports about unknown tasks, or about the past, change nothing and are no error: an agent repeats what was refused for a
// day, and what it runs wrongly is ended by the manifest.

// ApplyTaskReport applies what an agent says of a task.
func (s *Service) ApplyTaskReport(ctx context.Context, scope store.Scope, task string, r TaskReport) error {
	return s.observed(ctx, scope, task, func(t *Task) { t.observe(r, time.Now().UTC()) })
}

// ApplyStopAcknowledged records that the agent has the order to stop a task.
func (s *Service) ApplyStopAcknowledged(ctx context.Context, scope store.Scope, task string) error {
	return s.observed(ctx, scope, task, func(t *Task) { t.acknowledgeStop() })
}

// HealthReport is what an agent says of the health of a container. Agents of Berth tell what the check printed, too.
type HealthReport struct {
	Status api.HealthStatus
	Output string
}

// IsNews says whether a report says anything that the container's record does not. What a healthy container's check
// prints is none.
func (r HealthReport) IsNews(c *Container) bool {
	return r.Status != cmp.Or(c.Health, api.HealthStatusUnknown) || r.Status != api.HealthStatusHealthy && reported(r.Output) != c.HealthOutput
}

// ApplyHealth applies the health of a task's containers, by name.
func (s *Service) ApplyHealth(ctx context.Context, scope store.Scope, task string, containers map[string]HealthReport) error {
	return s.observed(ctx, scope, task, func(t *Task) { t.observeHealth(containers) })
}

// observed changes a task by what was observed of it. What is no change is not written.
func (s *Service) observed(ctx context.Context, scope store.Scope, task string, apply func(*Task)) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		old, ok := s.Tasks.GetTx(tx, scope, task)
		if !ok || !old.Status.Live() {
			return nil
		}
		t := old.clone()
		if apply(t); reflect.DeepEqual(old, t) {
			return nil
		}
		if !t.EndingAt.IsZero() {
			if err := s.deregister(tx, scope, t, time.Now().UTC()); err != nil {
				return err
			}
		}
		if !sameEvent(old, t) {
			t.Version++
		}
		return s.Tasks.Put(tx, scope, task, t)
	})
}

// ReportOf is what an agent says by a SubmitTaskStateChange.
func ReportOf(r *api.SubmitTaskStateChangeRequest) TaskReport {
	return TaskReport{Status: Status(r.Status), Reason: r.Reason, Containers: r.Containers, Attachments: r.Attachments, ManagedAgents: r.ManagedAgents,
		PullStartedAt: r.PullStartedAt.Time, PullStoppedAt: r.PullStoppedAt.Time, ExecutionStoppedAt: r.ExecutionStoppedAt.Time}
}

const acknowledged = "ACK"

// SubmitTaskStateChange is an agent's report on a task. The cluster that it names is the agent's own, which on a Fargate
// machine is not the task's: the task's ARN says all.
func (s *Service) SubmitTaskStateChange(ctx context.Context, r *api.SubmitTaskStateChangeRequest) (*api.SubmitTaskStateChangeResponse, error) {
	if err := s.submit(ctx, r.Task, ReportOf(r)); err != nil {
		return nil, err
	}
	return &api.SubmitTaskStateChangeResponse{Acknowledgment: acknowledged}, nil
}

// SubmitContainerStateChange is an agent's report on one container.
func (s *Service) SubmitContainerStateChange(ctx context.Context, r *api.SubmitContainerStateChangeRequest) (*api.SubmitContainerStateChangeResponse, error) {
	change := api.ContainerStateChange{ContainerName: r.ContainerName, RuntimeId: r.RuntimeId, Status: r.Status,
		ExitCode: r.ExitCode, Reason: r.Reason, NetworkBindings: r.NetworkBindings}
	if err := s.submit(ctx, r.Task, TaskReport{Containers: []api.ContainerStateChange{change}}); err != nil {
		return nil, err
	}
	return &api.SubmitContainerStateChangeResponse{Acknowledgment: acknowledged}, nil
}

// SubmitAttachmentStateChanges is an agent's report on attachments of its instance. Those of tasks come with the task.
func (s *Service) SubmitAttachmentStateChanges(ctx context.Context, _ *api.SubmitAttachmentStateChangesRequest) (*api.SubmitAttachmentStateChangesResponse, error) {
	if _, err := AgentsOnly(ctx); err != nil {
		return nil, err
	}
	return &api.SubmitAttachmentStateChangesResponse{Acknowledgment: acknowledged}, nil
}

func (s *Service) submit(ctx context.Context, taskARN string, r TaskReport) error {
	caller, err := AgentsOnly(ctx)
	if err != nil {
		return err
	}
	scope, id := scopeOf(ctx), taskARN[strings.LastIndexByte(taskARN, '/')+1:]
	if row, ok := s.Tasks.Get(scope, id); ok && !SpeaksFor(caller, row.Value.Machine) {
		return notAuthorized(caller)
	}
	err = s.ApplyTaskReport(ctx, scope, id, r)
	if errors.Is(err, store.ErrTooLarge) { // it would be sent again and again if it were the server's fault
		return invalidParameter("The report on task %s is larger than any that can be kept.", id)
	}
	return err
}
