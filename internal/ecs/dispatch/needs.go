package dispatch

import (
	"context"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/ecs/usage"
	"github.com/berth-dev/berth/internal/store"
)

// Observer writes what agents report: the ECS service. What is said of a task that nobody knows changes nothing and is no
// error.
type Observer interface {
	// ApplyTaskReport applies what an agent says of a task. One that says nothing new changes nothing.
	ApplyTaskReport(ctx context.Context, scope store.Scope, task string, r ecs.TaskReport) error
	// ApplyStopAcknowledged records that the agent has the order to stop a task.
	ApplyStopAcknowledged(ctx context.Context, scope store.Scope, task string) error
	// ApplyHealth applies the health of a task's containers, by their names.
	ApplyHealth(ctx context.Context, scope store.Scope, task string, containers map[string]ecs.HealthReport) error
	// ApplyInstanceHealth applies an agent's report of its machine.
	ApplyInstanceHealth(ctx context.Context, scope store.Scope, instance string, reports []ecs.InstanceHealth) error
	// ApplyHostAddress records the address by which the machine itself reaches the task's network interface.
	ApplyHostAddress(ctx context.Context, scope store.Scope, task, attachmentARN, address string) error

	// AgentConnected records that a session began, in place of the one before it. [ecs.ErrInactiveInstance] when the
	// instance is not registered.
	AgentConnected(ctx context.Context, scope store.Scope, instance, session string, agent ecs.Agent) error
	// AgentDisconnected records that a session ended, unless a newer one has begun.
	AgentDisconnected(ctx context.Context, scope store.Scope, instance, session string) error
	// AgentLeft records that the agent of a deregistered instance was told to stop all that it runs.
	AgentLeft(ctx context.Context, scope store.Scope, instance string) error
}

// Usage takes what tasks used: *usage.Book.
type Usage interface {
	// Record takes what a task used since the last time. It doesn't wait.
	Record(scope store.Scope, task string, used usage.Task)
}

// Issuer issues the credentials of tasks' roles: the IAM service.
type Issuer interface {
	// TaskCredentials returns credentials that act for a role in the name of a task. Their id is the same each time for
	// the same task and kind, for containers keep it in their environment, and nobody can guess it.
	TaskCredentials(ctx context.Context, scope store.Scope, taskARN, roleARN string, kind acs.RoleType) (acs.IAMRoleCredentials, error)
}
