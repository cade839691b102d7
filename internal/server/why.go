package server

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	ecsapi "github.com/berth-dev/berth/api/ecs"
	logsapi "github.com/berth-dev/berth/api/logs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/ecs/why"
	"github.com/berth-dev/berth/internal/operator"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

const (
	// linesTold is how many of a container's last log lines are told.
	linesTold = 20
	// machinesTold is on how many machines the verdict is told.
	machinesTold = 20
)

var taskID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// Why gathers what is known of the service, the deployment or the task that a name means, or of a launch that found no room, and explains
// it. A service comes before tasks of its name; of a task and a launch the later is meant; without a name the last launch that found
// no room.
func (s *Server) Why(ctx context.Context, cluster, name string) (why.Explanation, error) {
	scope, cluster, name := named(ctx, cluster, name)
	if name != "" && !taskID.MatchString(name) {
		if e, ok, err := s.whyService(ctx, scope, cluster, name); ok || err != nil {
			return e, err
		}
	}
	task, err := s.ECS.TaskNamed(ctx, scope, cluster, name)
	if errors.Is(err, ecs.ErrManyTasks) {
		return why.Explanation{}, fmt.Errorf("%w: %w", operator.ErrNotFound, err)
	}
	if err != nil {
		return why.Explanation{}, err
	}
	if u, ok := s.ECS.LastUnplaced(scope, cluster, name); ok && (task == nil || name == "" || u.At.After(task.CreatedAt)) {
		return why.Explain(why.Case{Now: time.Now(), Scope: scope, Unplaced: &u}), nil
	}
	switch {
	case task == nil && name == "":
		return why.Explanation{}, fmt.Errorf("%w: in cluster %s no task has stopped, and none was refused room since Berth started", operator.ErrNotFound, cluster)
	case task == nil:
		return why.Explanation{}, fmt.Errorf("%w: no task, family or group is named %q in cluster %s, nor is a service or a deployment, nor did a launch find no room", operator.ErrNotFound, name, cluster)
	}
	return s.explainTask(ctx, scope, task), nil
}

// explainTask gathers what is known of a task, and explains it.
func (s *Server) explainTask(ctx context.Context, scope store.Scope, task *ecs.Task) why.Explanation {
	c := why.Case{Now: time.Now(), Scope: scope, Task: task}
	if row, ok := s.ECS.TaskDefinitions.Get(scope, task.Definition.Key()); ok {
		c.Definition = row.Value
	}
	if row, ok := s.ECS.Instances.Get(scope, task.Instance); ok {
		c.Instance, c.Connected = row.Value, s.Dispatch.Connected(scope, task.Instance)
	}
	c.Verdicts = s.ECS.Judge(scope, task, machinesTold)
	c.Logs = map[string]why.Log{}
	for i := range task.Containers {
		c.Logs[task.Containers[i].Name] = s.lastLines(ctx, &c, &task.Containers[i])
	}
	return why.Explain(c)
}

// named is where a name is looked up, and what of it: an ARN says in which region and cluster its task is.
func named(ctx context.Context, in, as string) (scope store.Scope, cluster, name string) {
	caller := wire.CallerOf(ctx)
	scope, cluster, name = store.Scope{Account: caller.Account, Region: caller.Region}, lastPart(in), as
	if parts := strings.SplitN(name, ":", 6); len(parts) == 6 && parts[0] == "arn" { // arn:aws:ecs:REGION:ACCOUNT:task/CLUSTER/ID
		scope.Region = parts[3]
		_, name, _ = strings.Cut(parts[5], "/")
		if of, id, ok := strings.Cut(name, "/"); ok {
			cluster, name = of, id
		}
	} else if of, id, ok := strings.Cut(name, "/"); ok && taskID.MatchString(id) { // a group may have a slash too
		cluster, name = of, id
	}
	return scope, cluster, name
}

// lastLines are the last lines that a container wrote to CloudWatch Logs.
func (s *Server) lastLines(ctx context.Context, c *why.Case, of *ecs.Container) why.Log {
	log := why.Log{Lines: []string{}}
	if c.Definition == nil {
		log.Missing = "where it logged is not known any more: the task definition was deleted"
		return log
	}
	defined, ok := c.Definition.Container(of.Name)
	switch l := defined.LogConfiguration; {
	case !ok:
		log.Missing = "its task definition does not have it"
		return log
	case l == nil || l.LogDriver == ecsapi.LogDriverJsonFile:
		return s.lastInFile(ctx, c.Task.ID, of.Name)
	case l.LogDriver != ecsapi.LogDriverAwslogs:
		log.Missing = fmt.Sprintf("it logs by %s, which Berth does not keep", l.LogDriver)
		return log
	}
	options := defined.LogConfiguration.Options
	log.Group, log.Stream = options["awslogs-group"], of.RuntimeID
	if prefix := options["awslogs-stream-prefix"]; prefix != "" {
		log.Stream = prefix + "/" + of.Name + "/" + c.Task.ID
	}
	caller := wire.CallerOf(ctx)
	if region := options["awslogs-region"]; region != "" {
		caller.Region = region
	}
	page, err := s.Logs.GetLogEvents(wire.WithCaller(ctx, caller), &logsapi.GetLogEventsRequest{LogGroupName: log.Group, LogStreamName: log.Stream, Limit: new(int32(linesTold))})
	switch {
	case err != nil:
		log.Missing = fmt.Sprintf("nothing is in %s, stream %s", log.Group, log.Stream)
	case len(page.Events) == 0:
		log.Missing = "it wrote nothing, or what it wrote is older than the log group keeps"
	default:
		for _, e := range page.Events {
			log.Lines = append(log.Lines, cut(strings.TrimRight(e.Message, "\n")))
		}
	}
	return log
}

// lastInFile are the last lines that a container wrote into files on its machine.
func (s *Server) lastInFile(ctx context.Context, task, container string) why.Log {
	log := why.Log{Lines: []string{}}
	if s.config.Operator == nil {
		log.Missing = "it logs into files on its machine"
		return log
	}
	out, err := s.config.Operator.Output(ctx, operator.OutputQuery{Task: task, Container: container, Last: linesTold})
	switch {
	case err != nil:
		log.Missing = "its output can't be read: " + err.Error()
	case len(out.Lines) == 0:
		log.Missing = "it wrote nothing, or its files are gone: they are kept for three hours"
	}
	for _, l := range out.Lines {
		log.Lines = append(log.Lines, cut(l.Text))
	}
	return log
}

// longestLine is how many bytes of a line are told: a line can be a quarter of a megabyte.
const longestLine = 2048

func cut(line string) string {
	if len(line) <= longestLine {
		return line
	}
	return strings.ToValidUTF8(line[:longestLine], "") + "..."
}

// lastPart is an id or a name of what may be an ARN.
func lastPart(s string) string { return s[strings.LastIndexByte(s, '/')+1:] }
