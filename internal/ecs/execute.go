package ecs

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/shlex"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// executeAttribute is what an instance carries whose agent can execute commands in containers.
const executeAttribute = "ecs.capability.execute-command"

// Sessions opens sessions into containers: Session Manager.
type Sessions interface {
	// Execute opens a session that runs a command in a container. ErrTargetNotConnected when its agent can't.
	Execute(ctx context.Context, c Execution) (api.Session, error)
}

// Execution is a command to run in a container.
type Execution struct {
	Scope                       store.Scope
	Instance, Machine           string
	TaskARN, Container, Runtime string // names, and the container's runtime id
	Command                     []string
	Group                       string // log group that keeps what it prints; empty: none does
}

// ErrTargetNotConnected says that the agent of a container can't execute commands in it.
var ErrTargetNotConnected = errors.New("the target is not connected")

// ExecuteCommand opens a session that runs a command in a container of a running task.
func (s *Service) ExecuteCommand(ctx context.Context, r *api.ExecuteCommandRequest) (*api.ExecuteCommandResponse, error) {
	if err := mayExecute(ctx); err != nil {
		return nil, err
	}
	scope := scopeOf(ctx)
	cluster, err := s.activeCluster(scope, r.Cluster)
	if err != nil {
		return nil, err
	}
	id, err := taskFrom(scope, cluster, r.Task)
	if err != nil {
		return nil, err
	}
	if !r.Interactive {
		return nil, invalidParameter("Interactive is the only mode supported currently.")
	}
	words, err := shlex.Split(r.Command)
	if err != nil || len(words) == 0 {
		return nil, invalidParameter("The command %q can't be split into words.", r.Command)
	}
	row, ok := s.Tasks.Get(scope, id)
	if !ok || row.Value.Cluster != cluster {
		return nil, invalidParameter("The referenced task was not found.")
	}
	t := row.Value
	c, err := t.executableContainer(r.Container)
	if err != nil {
		return nil, err
	}
	group, err := s.auditGroup(scope, t, c)
	if err != nil {
		return nil, err
	}
	if s.config.Sessions == nil {
		return nil, targetNotConnected(ErrTargetNotConnected)
	}
	taskARN := TaskARN(scope, cluster, id)
	session, err := s.config.Sessions.Execute(ctx, Execution{Scope: scope, Instance: t.Instance, Machine: t.Machine, TaskARN: taskARN,
		Container: c.Name, Runtime: c.RuntimeID, Command: words, Group: group})
	switch {
	case errors.Is(err, ErrTargetNotConnected):
		return nil, targetNotConnected(err)
	case err != nil:
		return nil, err
	}
	return &api.ExecuteCommandResponse{ClusterArn: ClusterARN(scope, cluster), ContainerArn: ContainerARN(scope, t, c), ContainerName: c.Name,
		Interactive: true, Session: &session, TaskArn: taskARN}, nil
}

// mayExecute refuses the credentials of tasks: with a way into other tasks' containers, no secret would be one's own.
func mayExecute(ctx context.Context) error {
	if c := wire.CallerOf(ctx); c.TaskARN != "" || c.Kind == wire.Agent {
		return notAuthorized(c)
	}
	return nil
}

func targetNotConnected(err error) error {
	return wire.Errorf(api.TargetNotConnectedException, "The execute command failed due to an internal error. Try again later. (%v)", err)
}

// executableContainer is the container that a command is for: the one of that name, or the only one.
func (t *Task) executableContainer(name string) (*Container, error) {
	switch {
	case name == "" && len(t.Containers) > 1:
		return nil, invalidParameter("The execute command failed because the task has %d containers. Specify the container name and try again.", len(t.Containers))
	case name == "":
		name = t.Containers[0].Name
	}
	c, ok := t.Container(name)
	switch {
	case !ok:
		return nil, invalidParameter("The container name specified could not be found in the task.")
	case !t.Executable || c.Status != Running || c.ManagedAgent == nil || c.ManagedAgent.Status != string(Running):
		return nil, invalidParameter("The execute command failed because execute command was not enabled when the task was run or the execute command agent isn't running. Wait and try again or run a new task with execute command enabled and try again.")
	}
	return c, nil
}

// auditGroup is the log group that keeps what a session prints, as the cluster asks for it: the one that it names, the one to
// which the container logs, or none.
func (s *Service) auditGroup(scope store.Scope, t *Task, c *Container) (string, error) {
	logging, own := api.ExecuteCommandLoggingDefault, ""
	if row, ok := s.Clusters.Get(scope, t.Cluster); ok && row.Value.Configuration != nil && row.Value.Configuration.ExecuteCommandConfiguration != nil {
		e := row.Value.Configuration.ExecuteCommandConfiguration
		if asked := beyondUs(e); asked != "" {
			return "", invalidParameter("The execute command failed because the cluster's executeCommandConfiguration asks for %s, which Berth does not do yet. See docs/compatibility.md.", asked)
		}
		if e.Logging != "" {
			logging = e.Logging
		}
		if e.LogConfiguration != nil {
			own = e.LogConfiguration.CloudWatchLogGroupName
		}
	}
	switch logging {
	case api.ExecuteCommandLoggingNone:
		return "", nil
	case api.ExecuteCommandLoggingOverride:
		return own, nil
	}
	definition, ok := s.TaskDefinitions.Get(scope, t.Definition.Key())
	if !ok {
		return "", fmt.Errorf("the task definition %s is gone", t.Definition)
	}
	for _, d := range definition.Value.Definition.ContainerDefinitions {
		if l := d.LogConfiguration; d.Name == c.Name && l != nil && l.LogDriver == api.LogDriverAwslogs {
			return l.Options["awslogs-group"], nil
		}
	}
	return "", nil
}

// beyondUs names what a configuration asks for of sessions that is not done: running them without it would be a lie.
func beyondUs(e *api.ExecuteCommandConfiguration) string {
	l := e.LogConfiguration
	switch {
	case e.KmsKeyId != "":
		return "kmsKeyId"
	case l != nil && l.S3BucketName != "":
		return "logConfiguration.s3BucketName"
	case l != nil && l.CloudWatchEncryptionEnabled:
		return "logConfiguration.cloudWatchEncryptionEnabled"
	}
	return ""
}

// FindExecutable is the container that a session manager's target names: "ecs:CLUSTER_TASKID_RUNTIMEID".
func (s *Service) FindExecutable(ctx context.Context, target string) (Execution, error) {
	if err := mayExecute(ctx); err != nil {
		return Execution{}, err
	}
	scope := scopeOf(ctx)
	names := strings.TrimPrefix(target, "ecs:")
	runtime := names[strings.LastIndexByte(names, '_')+1:]
	names = strings.TrimSuffix(names, "_"+runtime)
	id := names[strings.LastIndexByte(names, '_')+1:]
	row, ok := s.Tasks.Get(scope, id)
	if !ok || !strings.HasPrefix(target, "ecs:") || row.Value.Cluster != strings.TrimSuffix(names, "_"+id) {
		return Execution{}, fmt.Errorf("%w: no task that runs is %s", ErrTargetNotConnected, target)
	}
	t := row.Value
	for i := range t.Containers {
		c := &t.Containers[i]
		if c.RuntimeID != runtime {
			continue
		}
		if _, err := t.executableContainer(c.Name); err != nil {
			return Execution{}, err
		}
		group, err := s.auditGroup(scope, t, c)
		return Execution{Scope: scope, Instance: t.Instance, Machine: t.Machine, TaskARN: TaskARN(scope, t.Cluster, id), Container: c.Name,
			Runtime: c.RuntimeID, Group: group}, err
	}
	return Execution{}, fmt.Errorf("%w: the task has no container %s", ErrTargetNotConnected, runtime)
}

// describe is the agent as the API shows it; nil is one of which nothing is known yet.
func (a *ManagedAgent) describe() api.ManagedAgent {
	out := api.ManagedAgent{Name: api.ManagedAgentNameExecuteCommandAgent, LastStatus: string(Pending)}
	if a != nil {
		out.LastStatus, out.Reason, out.LastStartedAt = a.Status, a.Reason, schema.At(a.StartedAt)
	}
	return out
}
