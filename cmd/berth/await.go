package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/progress"
)

// waitRunning waits until every task runs, telling each step, and returns the tasks that do, or have run to a good end.
// A task that ended badly is an error with its reasons.
func (t *target) waitRunning(ctx context.Context, tasks []ecs.Task, errOut io.Writer) ([]ecs.Task, error) {
	w := waiting{t: t, progress: progress.To(errOut), began: time.Now(), said: map[string]string{}}
	defer w.progress.Done()
	var arns []string
	for _, task := range tasks {
		arns = append(arns, task.TaskArn)
	}
	for len(arns) > 0 {
		tasks, err := t.describe(ctx, arns)
		if ctx.Err() != nil {
			return nil, leftBehind(fmt.Sprintf("%s goes on starting; `%s` stops it", joinWords(shortIDs(arns)), t.flags.line("stop", shortID(arns[0]))))
		}
		if err != nil {
			return nil, err
		}
		if len(tasks) < len(arns) {
			return nil, errors.New("a task was forgotten while it started: was Berth reset?")
		}
		ready, failed := w.look(ctx, tasks)
		if len(ready) == len(arns) {
			return ready, nil
		}
		if failed != nil {
			return nil, failed
		}
		if ctx.Err() == nil {
			_ = pause(ctx, pollEvery(time.Since(w.began))) // its end is seen above
		}
	}
	return nil, nil
}

// waiting is what was said while tasks start.
type waiting struct {
	t        *target
	progress *progress.Writer
	began    time.Time
	said     map[string]string // task's ARN to its last status
}

// look tells the tasks' news, and returns those that are ready, and why others never will be.
func (w *waiting) look(ctx context.Context, tasks []ecs.Task) (ready []ecs.Task, failed error) {
	var starting []ecs.Task
	for _, task := range tasks {
		if w.said[task.TaskArn] != task.LastStatus {
			w.said[task.TaskArn] = task.LastStatus
			w.progress.Step("%6.2fs  %s  %s", time.Since(w.began).Seconds(), shortID(task.TaskArn), task.LastStatus)
		}
		switch {
		case task.LastStatus == "RUNNING" || endedWell(&task):
			ready = append(ready, task)
		case task.LastStatus == "STOPPED" || task.LastStatus == "DELETED":
			failed = errors.Join(failed, w.t.endedBadly(&task))
		default:
			starting = append(starting, task)
		}
	}
	if len(starting) > 0 && time.Since(w.began) > 200*time.Millisecond { // most are over by then
		w.pulls(ctx, starting)
	}
	return ready, failed
}

// pulls tells how far the images are that tasks wait for.
func (w *waiting) pulls(ctx context.Context, starting []ecs.Task) {
	pulls, err := w.t.operator.Pulls(ctx)
	if err != nil {
		return // it is a courtesy: the statuses say enough
	}
	for _, task := range starting {
		if wanted := pullsOf(task, pulls); len(wanted) > 0 {
			w.progress.State("%6.2fs  %s", time.Since(w.began).Seconds(), pullText(wanted[0]))
			return
		}
	}
}

// endedWell is whether a task has run and all its containers ended with 0.
func endedWell(task *ecs.Task) bool {
	return task.LastStatus == "STOPPED" && !task.StartedAt.IsZero() &&
		!slices.ContainsFunc(task.Containers, func(c ecs.Container) bool { return c.ExitCode == nil || *c.ExitCode != 0 })
}

func (t *target) endedBadly(task *ecs.Task) error {
	err := fmt.Errorf("task %s (%s) stopped: %s", shortID(task.TaskArn), afterSlash(task.TaskDefinitionArn), stopText(task))
	if !task.StartedAt.IsZero() {
		err = fmt.Errorf("%w; `%s` shows what it wrote", err, t.flags.line("logs", shortID(task.TaskArn)))
	}
	return err
}

// pollEvery is how often to ask: quickly at first, for most tasks start in tens of milliseconds.
func pollEvery(waited time.Duration) time.Duration {
	if waited < 2*time.Second {
		return 20 * time.Millisecond
	}
	return 250 * time.Millisecond
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
