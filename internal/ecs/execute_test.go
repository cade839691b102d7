package ecs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// sessions remembers what it was asked to execute.
type sessions struct {
	asked Execution
	fails error
}

func (s *sessions) Execute(_ context.Context, e Execution) (api.Session, error) {
	s.asked = e
	return api.Session{SessionId: "ecs-execute-command-1", StreamUrl: "ws://here", TokenValue: "secret"}, s.fails
}

// enterable is a world whose tasks stay as they are made, with a Session Manager.
func enterable(t *testing.T, s Sessions) *world {
	w := unserved(t)
	w.config.Sessions = s
	t.Cleanup(func() { w.db.Close() })
	return w
}

// executable makes a task whose containers run, with an agent that executes commands in them.
func (w *world) executable(change func(*Task)) string {
	w.t.Helper()
	i := w.instance(4096, 4096) // without one the reconciler closes the task
	task := &Task{ID: strings.Repeat("a", 32), Cluster: "default", Status: Running, Executable: true, Version: 1, Instance: i.ID, Machine: i.Machine,
		Definition: Revision{Family: "web", Number: 1}}
	for _, name := range []string{"web", "log"} {
		task.Containers = append(task.Containers, Container{ID: newUUID(), Name: name, Status: Running, RuntimeID: "r-" + name,
			ManagedAgent: &ManagedAgent{Status: string(Running)}})
	}
	if change != nil {
		change(task)
	}
	w.ok(w.db.Update(w.ctx, func(tx *store.Tx) error { return w.Tasks.Create(tx, here, task.ID, task) }))
	return task.ID
}

func TestACommandIsExecutedWhereItWasAskedFor(t *testing.T) {
	opener := &sessions{}
	w := enterable(t, opener)
	got(w.RegisterTaskDefinition(w.ctx, &api.RegisterTaskDefinitionRequest{Family: "web", NetworkMode: api.NetworkModeHost, ContainerDefinitions: []api.ContainerDefinition{
		{Name: "web", Image: "web", Memory: new(int32(64)), LogConfiguration: &api.LogConfiguration{LogDriver: api.LogDriverAwslogs,
			Options: map[string]string{"awslogs-group": "/web", "awslogs-region": here.Region}}},
		{Name: "log", Image: "log", Memory: new(int32(64))}}}))(w)
	id := w.executable(nil)
	answer := got(w.ExecuteCommand(w.ctx, &api.ExecuteCommandRequest{Task: id, Container: "web", Command: `sh -c 'echo "a b"'`, Interactive: true}))(w)
	task := w.task(id)
	want := Execution{Scope: here, Instance: task.Instance, Machine: task.Machine, TaskARN: TaskARN(here, "default", id), Container: "web", Runtime: "r-web",
		Command: []string{"sh", "-c", `echo "a b"`}, Group: "/web"}
	if a := opener.asked; !slices.Equal(a.Command, want.Command) || fmt.Sprint(a) != fmt.Sprint(want) {
		t.Errorf("asked for %+v\nwant %+v", a, want)
	}
	if answer.Session.TokenValue != "secret" || answer.TaskArn != want.TaskARN || answer.ContainerName != "web" || !answer.Interactive {
		t.Errorf("answered %+v", answer)
	}
	found := got(w.FindExecutable(w.ctx, "ecs:default_"+id+"_r-log"))(w)
	if found.Container != "log" || found.Group != "" {
		t.Errorf("the target is %+v", found)
	}
	for logging, group := range map[api.ExecuteCommandLogging]string{api.ExecuteCommandLoggingNone: "", api.ExecuteCommandLoggingOverride: "/audit", api.ExecuteCommandLoggingDefault: "/web"} {
		c := &api.ExecuteCommandConfiguration{Logging: logging}
		if logging == api.ExecuteCommandLoggingOverride {
			c.LogConfiguration = &api.ExecuteCommandLogConfiguration{CloudWatchLogGroupName: group}
		}
		got(w.UpdateCluster(w.ctx, &api.UpdateClusterRequest{Cluster: "default", Configuration: &api.ClusterConfiguration{ExecuteCommandConfiguration: c}}))(w)
		got(w.ExecuteCommand(w.ctx, &api.ExecuteCommandRequest{Task: id, Container: "web", Command: "sh", Interactive: true}))(w)
		if opener.asked.Group != group {
			t.Errorf("with logging %s it is kept in %q, want %q", logging, opener.asked.Group, group)
		}
	}
}

func TestWhatAClusterAsksOfSessionsIsNotLeftOut(t *testing.T) {
	w := enterable(t, &sessions{})
	id := w.executable(nil)
	for named, c := range map[string]*api.ExecuteCommandConfiguration{
		"kmsKeyId":     {KmsKeyId: "alias/exec"},
		"s3BucketName": {Logging: api.ExecuteCommandLoggingOverride, LogConfiguration: &api.ExecuteCommandLogConfiguration{S3BucketName: "audit"}},
		"cloudWatchEncryptionEnabled": {Logging: api.ExecuteCommandLoggingOverride,
			LogConfiguration: &api.ExecuteCommandLogConfiguration{CloudWatchLogGroupName: "audit", CloudWatchEncryptionEnabled: true}},
	} {
		got(w.UpdateCluster(w.ctx, &api.UpdateClusterRequest{Cluster: "default", Configuration: &api.ClusterConfiguration{ExecuteCommandConfiguration: c}}))(w)
		_, err := w.ExecuteCommand(w.ctx, &api.ExecuteCommandRequest{Task: id, Container: "web", Command: "sh", Interactive: true})
		var refused *wire.Error
		if !errors.As(err, &refused) || refused.Code != "InvalidParameterException" || !strings.Contains(refused.Message, named) {
			t.Errorf("a cluster that asks for %s: %v", named, err)
		}
	}
}

func TestACommandThatCannotBeExecutedIsRefused(t *testing.T) {
	const notEnabled = "The execute command failed because execute command was not enabled when the task was run or the execute command agent isn't running."
	for _, c := range []struct {
		what    string
		task    func(*Task)
		request api.ExecuteCommandRequest
		caller  wire.Caller
		fails   error
		code    string
		text    string
	}{
		{what: "a task that is not there", request: api.ExecuteCommandRequest{Task: strings.Repeat("b", 32)}, code: "InvalidParameterException", text: "The referenced task was not found."},
		{what: "a cluster that is not there", request: api.ExecuteCommandRequest{Cluster: "other"}, code: "ClusterNotFoundException"},
		{what: "no container's name of several", code: "InvalidParameterException", text: "has 2 containers"},
		{what: "a container that is not there", request: api.ExecuteCommandRequest{Container: "db"}, code: "InvalidParameterException"},
		{what: "words without an end", request: api.ExecuteCommandRequest{Container: "web", Command: `sh -c 'oops`}, code: "InvalidParameterException", text: "split"},
		{what: "a task that was run without", task: func(t *Task) { t.Executable = false }, request: api.ExecuteCommandRequest{Container: "web"}, code: "InvalidParameterException", text: notEnabled},
		{what: "a container that has stopped", task: func(t *Task) { t.Containers[0].Status = Stopped }, request: api.ExecuteCommandRequest{Container: "web"}, code: "InvalidParameterException", text: notEnabled},
		{what: "an agent that does not run", task: func(t *Task) { t.Containers[0].ManagedAgent = nil }, request: api.ExecuteCommandRequest{Container: "web"}, code: "InvalidParameterException", text: notEnabled},
		{what: "an agent that is away", request: api.ExecuteCommandRequest{Container: "web"}, fails: ErrTargetNotConnected, code: "TargetNotConnectedException"},
		{what: "the credentials of a task", request: api.ExecuteCommandRequest{Container: "web"}, caller: wire.Caller{Kind: wire.Role, TaskARN: "arn:aws:ecs:x:y:task/default/z"}, code: "AccessDeniedException"},
	} {
		t.Run(c.what, func(t *testing.T) {
			w := enterable(t, &sessions{fails: c.fails})
			got(w.RegisterTaskDefinition(w.ctx, &api.RegisterTaskDefinitionRequest{Family: "web", ContainerDefinitions: []api.ContainerDefinition{{Name: "web", Image: "web", Memory: new(int32(64))}}}))(w)
			r := c.request
			if r.Interactive = true; r.Task == "" {
				r.Task = w.executable(c.task)
			}
			if r.Command == "" {
				r.Command = "sh"
			}
			ctx := w.ctx
			if c.caller.Kind != "" {
				c.caller.Account, c.caller.Region = here.Account, here.Region
				ctx = wire.WithCaller(ctx, c.caller)
			}
			_, err := w.ExecuteCommand(ctx, &r)
			var refused *wire.Error
			if !errors.As(err, &refused) || refused.Code != c.code || !strings.Contains(refused.Message, c.text) {
				t.Errorf("%v; want %s: %s", err, c.code, c.text)
			}
		})
	}
}

func TestAManagedAgentIsShownAsItWasReported(t *testing.T) {
	task := &Task{Status: Running, Executable: true, Containers: []Container{{Name: "web", Status: Running}}}
	show := func() api.ManagedAgent { return describeTask(here, task, false).Containers[0].ManagedAgents[0] }
	if a := show(); a.LastStatus != "PENDING" || a.Name != api.ManagedAgentNameExecuteCommandAgent {
		t.Errorf("at first: %+v", a)
	}
	report := TaskReport{ManagedAgents: []api.ManagedAgentStateChange{{ContainerName: "web", ManagedAgentName: "ExecuteCommandAgent", Status: "RUNNING"}}}
	task.observe(report, time.Now())
	if a := show(); a.LastStatus != "RUNNING" || a.LastStartedAt.IsZero() {
		t.Errorf("once it runs: %+v", a)
	}
	task.observe(TaskReport{Status: Stopped}, time.Now())
	if a := show(); a.LastStatus != "STOPPED" {
		t.Errorf("in the end: %+v", a)
	}
}
