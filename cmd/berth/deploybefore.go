package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/shlex"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/progress"
	"github.com/berth-dev/berth/internal/wire/client"
)

// firstTask is what --before asks for.
type firstTask struct {
	container string
	command   []string
}

// runBefore runs a command in a task of the new definition, where the service's tasks run, and waits for its end, for so long at most
// unless that is 0. The error says what it wrote last.
func (t *target) runBefore(ctx context.Context, definition *ecs.TaskDefinition, service *ecs.Service, first *firstTask, timeout time.Duration, errOut io.Writer) (err error) {
	in := ecs.RunTaskRequest{Cluster: t.cluster, TaskDefinition: definition.TaskDefinitionArn, Count: new(int32(1)), StartedBy: "berth deploy",
		Overrides: &ecs.TaskOverride{ContainerOverrides: []ecs.ContainerOverride{{Name: first.container, Command: first.command}}}}
	if service != nil {
		in.LaunchType, in.CapacityProviderStrategy, in.NetworkConfiguration = service.LaunchType, service.CapacityProviderStrategy, service.NetworkConfiguration
		in.PlatformVersion, in.PlacementConstraints = service.PlatformVersion, service.PlacementConstraints
	} else if in.LaunchType, in.NetworkConfiguration, err = t.launch(ctx, definition, ""); err != nil {
		return err
	}
	answer, err := client.Call(ctx, t.client, ecs.RunTask, &in)
	if err = t.makeCluster(ctx, err); errors.Is(err, errMade) {
		answer, err = client.Call(ctx, t.client, ecs.RunTask, &in)
	}
	switch {
	case err != nil:
		return fmt.Errorf("the task before the deployment: %w", err)
	case len(answer.Tasks) == 0:
		reason := "no reason was given"
		for _, f := range answer.Failures {
			reason = strings.TrimSpace(f.Reason + " " + f.Detail)
		}
		return fmt.Errorf("the task before the deployment was not placed, and nothing was deployed: %s", reason)
	}
	task, err := t.waitStopped(ctx, answer.Tasks[0].TaskArn, timeout, errOut)
	if err != nil {
		return err
	}
	for _, c := range task.Containers {
		if c.Name == first.container && c.ExitCode != nil && *c.ExitCode == 0 {
			return nil
		}
	}
	t.lastWords(ctx, task, first.container, errOut)
	return fmt.Errorf("the task before the deployment failed, and nothing was deployed: %w", t.endedBadly(task))
}

// taskBefore takes COMMAND, which is for the first essential container, or CONTAINER=COMMAND.
func taskBefore(definition *ecs.RegisterTaskDefinitionRequest, given string) (*firstTask, error) {
	container := ""
	for _, c := range definition.ContainerDefinitions {
		if container == "" && (c.Essential == nil || *c.Essential) {
			container = c.Name
		}
	}
	for _, c := range definition.ContainerDefinitions {
		if command, ok := strings.CutPrefix(given, c.Name+"="); ok {
			container, given = c.Name, command
			break
		}
	}
	words, err := shlex.Split(given)
	switch {
	case err != nil:
		return nil, usagef("--before %q can't be split into words: %v", given, err)
	case len(words) == 0:
		return nil, usagef("--before has no command")
	}
	return &firstTask{container, words}, nil
}

// waitStopped waits for a task's end, telling each step, for so long at most unless that is 0.
func (t *target) waitStopped(ctx context.Context, arn string, timeout time.Duration, errOut io.Writer) (*ecs.Task, error) {
	w := waiting{t: t, progress: progress.To(errOut), began: time.Now(), said: map[string]string{}}
	defer w.progress.Done()
	for {
		tasks, err := t.describe(ctx, []string{arn})
		switch {
		case ctx.Err() != nil:
			return nil, leftBehind(fmt.Sprintf("nothing was deployed, and the task before it goes on; `%s` stops it", t.flags.line("stop", shortID(arn))))
		case err != nil:
			return nil, err
		case len(tasks) == 0:
			return nil, errors.New("the task before the deployment was forgotten: was Berth reset?")
		}
		w.look(ctx, tasks)
		if tasks[0].LastStatus == "STOPPED" {
			return &tasks[0], nil
		}
		if timeout > 0 && time.Since(w.began) > timeout {
			return nil, fmt.Errorf("the task before the deployment is %s after %s, and goes on; nothing was deployed; `%s` stops it", tasks[0].LastStatus, timeout, t.flags.line("stop", shortID(arn)))
		}
		_ = pause(ctx, pollEvery(time.Since(w.began))) // its end is seen above
	}
}

// lastWords shows the last lines that a container wrote, if they can be had.
func (t *target) lastWords(ctx context.Context, task *ecs.Task, container string, errOut io.Writer) {
	explanation, err := t.operator.Why(ctx, t.cluster, afterSlash(task.TaskArn))
	if err != nil {
		return // the error that follows says enough
	}
	for _, c := range explanation.Containers {
		if c.Name != container || c.Log == nil {
			continue
		}
		for _, line := range c.Log.Lines {
			fmt.Fprintln(errOut, "  |", progress.Plain(line))
		}
	}
}
