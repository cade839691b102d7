package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/instance"
	"github.com/berth-dev/berth/internal/operator"
	"github.com/berth-dev/berth/internal/progress"
)

func waitCommand(flags *globals) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:     "wait",
		Short:   "Wait until Berth is ready",
		Example: "  berth wait ready",
	})
	var timeout time.Duration
	ready := &cobra.Command{
		Use:     "ready",
		Short:   "Wait until Berth answers and this machine has joined",
		Example: "  berth dev & berth wait ready --timeout 10s",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeoutCause(cmd.Context(), timeout, fmt.Errorf("not ready after %s", timeout))
			defer cancel()
			health, err := flags.waitHealth(ctx, operator.OK)
			if err != nil {
				return err
			}
			return flags.say(cmd.OutOrStdout(), health, "berth is ready at %s", health.Endpoint)
		},
	}
	ready.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "how `LONG` to wait")
	cmd.AddCommand(ready)
	return cmd
}

// waitHealth asks for the health of the instance until it is one of statuses.
func (g *globals) waitHealth(ctx context.Context, statuses ...string) (operator.Health, error) {
	var last error
	for {
		health, err := g.health(ctx)
		if err == nil && slices.Contains(statuses, health.Status) {
			return health, nil
		}
		if errors.Is(err, errNotOurs) || errors.Is(err, instance.ErrDamaged) || errors.Is(err, instance.ErrTooNew) {
			return health, err // waiting helps nobody
		}
		switch {
		case err == nil:
			last = fmt.Errorf("berth is %s: %s", health.Status, joinWords(health.Problems))
		case last == nil || ctx.Err() == nil: // an attempt that was cut short says nothing
			last = err
		}
		if pause(ctx, 20*time.Millisecond) != nil {
			return operator.Health{}, fmt.Errorf("%w: %w", context.Cause(ctx), last)
		}
	}
}

// health asks the running instance. Its announcement may be a dead one's: then nothing answers, or another instance.
func (g *globals) health(ctx context.Context) (operator.Health, error) {
	in, err := g.find()
	if errors.Is(err, instance.ErrNone) || err == nil && !in.Running() {
		return operator.Health{}, g.notRunning()
	}
	if err != nil {
		return operator.Health{}, err
	}
	announced, err := in.Announced()
	if err != nil {
		return operator.Health{}, err
	}
	health, err := operator.AskHealth(ctx, announced.Endpoint)
	if err == nil && health.Instance != in.ID {
		err = fmt.Errorf("%s is another Berth's (instance %s, not %s)", announced.Endpoint, health.Instance, in.ID)
	}
	return health, err
}

func downCommand(flags *globals) *cobra.Command {
	var keepTasks bool
	cmd := &cobra.Command{
		Use:     "down",
		Short:   "End Berth and its tasks",
		Example: "  berth down\n  berth down --keep-tasks                        # tasks run on; the next start adopts them",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := flags.find()
			switch {
			case errors.Is(err, instance.ErrNone) || err == nil && !in.Running():
				return flags.say(cmd.OutOrStdout(), ended{}, "no Berth runs on %s", flags.dir())
			case err != nil:
				return err
			}
			return flags.down(cmd.Context(), in, keepTasks, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().BoolVar(&keepTasks, "keep-tasks", false, "leave the tasks running for the next start to adopt")
	return cmd
}

// ended is what `berth down` has done.
type ended struct {
	Ran       bool `json:"ran"` // false: there was nothing to end
	TasksKept bool `json:"tasksKept"`
}

// down asks the running program to end and waits until it has.
func (g *globals) down(ctx context.Context, in *instance.Instance, keepTasks bool, out, errOut io.Writer) error {
	t, err := g.connectTo(in)
	if err != nil {
		return err
	}
	if err := t.operator.Down(ctx, keepTasks); err != nil {
		return err
	}
	p := progress.To(errOut)
	defer p.Done()
	for in.Running() {
		p.State("waiting for the tasks to stop")
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return leftBehind("berth goes on ending, as its tasks stop")
		}
	}
	p.Done()
	if keepTasks {
		return g.say(out, ended{true, true}, "berth is down; its tasks run on, and `%s` adopts them", g.line("dev", "-d"))
	}
	return g.say(out, ended{true, false}, "berth is down")
}

func resetCommand(flags *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "reset",
		Short:   "Stop what runs and forget all state; images, shared volumes and keys stay",
		Example: "  berth reset                                    # between two test runs",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := flags.connect()
			if err != nil {
				return err
			}
			began := time.Now()
			if err := t.operator.Reset(cmd.Context()); err != nil {
				return err
			}
			took := time.Since(began).Milliseconds()
			return flags.say(cmd.OutOrStdout(), map[string]int64{"milliseconds": took}, "berth is reset (%d ms)", took)
		},
	}
}
