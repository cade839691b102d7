package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/instance"
	"github.com/berth-dev/berth/internal/operator"
)

func waitCommand(flags *globals) *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:     "wait ready",
		Short:   "Wait until Berth answers",
		Example: "  berth dev -d && berth wait ready --timeout 10s",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] != "ready" {
				return fmt.Errorf("wait %s: what can be waited for is `ready`", args[0])
			}
			ctx, cancel := context.WithTimeoutCause(cmd.Context(), timeout, fmt.Errorf("not ready after %s", timeout))
			defer cancel()
			health, err := flags.waitReady(ctx)
			if err != nil {
				return err
			}
			if flags.output == "json" {
				return writeJSON(cmd.OutOrStdout(), health)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "berth is ready at %s\n", health.Endpoint)
			return err
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "how long to wait")
	return cmd
}

// waitReady asks for the health of the instance until it is ok.
func (g *globals) waitReady(ctx context.Context) (operator.Health, error) {
	for {
		health, err := g.health(ctx)
		if err == nil && health.Status == "ok" {
			return health, nil
		}
		if waitErr := pause(ctx, 20*time.Millisecond); waitErr != nil {
			if err == nil {
				err = fmt.Errorf("berth is %s: %v", health.Status, health.Problems)
			}
			return operator.Health{}, fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

// health asks the running instance. Its announcement may be a dead one's: then nothing answers, or another instance.
func (g *globals) health(ctx context.Context) (operator.Health, error) {
	in, err := instance.Find(g.dir())
	if err != nil {
		return operator.Health{}, err
	}
	if !in.Running() {
		return operator.Health{}, fmt.Errorf("no Berth runs on %s", in.Dir)
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
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := instance.Find(flags.dir())
			if errors.Is(err, instance.ErrNone) || err == nil && !in.Running() {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "berth does not run")
				return err
			}
			if err != nil {
				return err
			}
			return flags.down(cmd.Context(), in, keepTasks, cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&keepTasks, "keep-tasks", false, "leave the tasks running for the next start to adopt")
	return cmd
}

// down asks the running program to end and waits until it has.
func (g *globals) down(ctx context.Context, in *instance.Instance, keepTasks bool, out io.Writer) error {
	t, err := g.connectTo(in)
	if err != nil {
		return err
	}
	if err := t.operator.Down(ctx, keepTasks); err != nil {
		return err
	}
	for said := time.Now(); in.Running(); {
		if time.Since(said) > 2*time.Second {
			said = time.Now()
			fmt.Fprintln(out, "waiting for tasks to stop")
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(out, "berth is down")
	return err
}

func resetCommand(flags *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "reset",
		Short:   "Stop what runs and forget all state, images and keys excepted",
		Example: "  berth reset                                    # between two test runs",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := flags.connect()
			if err != nil {
				return err
			}
			if err := t.operator.Reset(cmd.Context()); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "berth is reset")
			return err
		},
	}
}
