package task

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/tcs"
	"github.com/berth-dev/berth/internal/agent/db"
	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/logdriver"
	"github.com/berth-dev/berth/internal/agent/metadata"
	"github.com/berth-dev/berth/internal/agent/network"
)

// Config is what a Runner runs tasks with.
type Config struct {
	DB       *db.DB
	Engine   engine.Engine
	Network  Network
	Logs     Logs
	Secrets  Secrets
	Metadata Metadata
	Keyring  *metadata.Keyring
	Submit   Submit
	// Attached is told the address by which the host reaches a task, once its network stands; again after a restart.
	Attached func(Attachment)
	// HealthChanged is told of a task whenever the health of one of its containers has changed.
	HealthChanged func(identity string, health tcs.TaskHealth)

	Dir    string // holds a directory for each task, absolute
	Region string
	Pull   engine.PullPolicy
	// EFS are the file systems that stand for those of EFS, by id: fs-0123456789abcdef0.
	EFS map[string]FileSystem
	// StopTimeout is the time between the stop signal and the kill where the definition sets none. Default 30 s.
	StopTimeout time.Duration
	Log         *slog.Logger // default slog.Default()
}

// Network gives tasks their network: *network.Network.
type Network interface {
	// Attach makes the task's network and returns it; repeating it changes nothing.
	Attach(ctx context.Context, net network.TaskNet) (network.Attached, error)
	// Detach removes a task's network: its address is free for another when it returns. An unknown task has none.
	Detach(ctx context.Context, task string) error
	// List returns the tasks that have a network.
	List() []network.TaskNet
	// Bridge makes a container's own network and publishes its ports; repeating it changes nothing. It is not asked where the
	// engine does this itself (engine.Info.Bridges). Errors: *network.PortError when a port of the host cannot be had.
	Bridge(ctx context.Context, net network.ContainerNet) (network.Bridged, error)
	// Unbridge removes the networks of a task's containers: their ports are free for others when it returns. A task that has
	// none is no error.
	Unbridge(ctx context.Context, task string) error
	// BridgedTasks returns the ids of the tasks that have such containers.
	BridgedTasks() []string
}

// Logs ships what containers print to where the definition says.
type Logs interface {
	// Prepare checks that what is shipped will find its place, and makes a stream. Its error fails the task.
	Prepare(ctx context.Context, l logdriver.Source) error
	// Follow ships from the spool until Drain or Forget, from where an earlier agent left off. It returns at once, and
	// following again changes nothing.
	Follow(l logdriver.Source)
	// Drain returns once all that the named containers of a task printed, which have stopped, is shipped, or cannot be any more.
	// Without names it is all of the task's.
	Drain(ctx context.Context, task string, containers ...string) error
	// Forget stops shipping for a task.
	Forget(task string)
}

// Metadata answers on tasks' own listeners: *metadata.Server.
type Metadata interface {
	// Serve answers on l until Forget.
	Serve(t metadata.Task, l net.Listener)
	// Forget stops answering for a task.
	Forget(task string)
}

// Submit reports a task's change to the control plane, as the identity it was given to. ErrRejected says that the
// control plane has decided never to take it; any other error that it may take it later.
type Submit func(ctx context.Context, identity string, change *ecs.SubmitTaskStateChangeRequest) error

// ErrRejected is in the chain of an error of Submit that no repeating mends.
var ErrRejected = errors.New("rejected by the control plane")

// Attachment is a task's network interface once it stands on this machine.
type Attachment struct {
	Identity, TaskARN, ARN string
	HostAddress            string // the link-range address by which the host reaches the task
}
