package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/progress"
	"github.com/berth-dev/berth/internal/wire/client"
)

func serviceScaleCommand(flags *globals) *cobra.Command {
	var o waitOptions
	cmd := &cobra.Command{
		Use:     "scale SERVICE COUNT",
		Short:   "Change how many tasks a service has, and wait until it has them",
		Example: "  berth service scale web 5\n  berth service scale web 0 --detach",
		Args:    exactly("SERVICE", "COUNT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := strconv.ParseInt(args[1], 10, 32)
			if err != nil || n < 0 {
				return usagef("%q is no number of tasks", args[1])
			}
			if err := o.check(); err != nil {
				return err
			}
			t, err := flags.connect()
			if err != nil {
				return err
			}
			return t.scale(cmd.Context(), args[0], int32(n), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.flags(cmd.Flags())
	return cmd
}

func (t *target) scale(ctx context.Context, name string, to int32, o waitOptions, out, errOut io.Writer) error {
	s, err := t.service(ctx, name)
	if err != nil {
		return err
	}
	told := newNews(s, 0)
	answer, err := client.Call(ctx, t.client, ecs.UpdateService, &ecs.UpdateServiceRequest{Cluster: t.cluster, Service: s.ServiceName, DesiredCount: new(to)})
	if err != nil {
		return err
	}
	s = answer.Service
	p, began, last := progress.To(errOut), time.Now(), ""
	defer p.Done()
	for !o.detach && (s.RunningCount != to || s.PendingCount != 0) {
		if o.timeout > 0 && time.Since(began) > o.timeout {
			if last != "" {
				last = "newest event: " + strings.TrimSuffix(last, ".") + "; "
			}
			return fmt.Errorf("service %s has %s after %s, not %d; %s`%s` explains it", s.ServiceName, count(int(s.RunningCount), "task"), o.timeout, to, last, t.flags.line("why", s.ServiceName))
		}
		p.State("%6.2fs  %d of %d run, %d pending", time.Since(began).Seconds(), s.RunningCount, to, s.PendingCount)
		if pause(ctx, pollEvery(time.Since(began))) == nil {
			s, err = t.sameService(ctx, s)
		}
		switch {
		case ctx.Err() != nil:
			return leftBehind(fmt.Sprintf("the service goes on to %s; `%s` shows how far it is", count(int(to), "task"), t.flags.line("service", "show", name)))
		case err != nil:
			return err
		case s.Status != "ACTIVE":
			return fmt.Errorf("service %s was deleted meanwhile", s.ServiceName)
		case s.DesiredCount != to:
			return fmt.Errorf("service %s was scaled to %d meanwhile, by somebody else", s.ServiceName, s.DesiredCount)
		}
		for _, e := range told.of(s) {
			last = eventText(e)
			p.Step("%6.2fs  %s", time.Since(began).Seconds(), last)
		}
	}
	p.Done()
	v := viewOfService(s)
	return t.flags.say(out, v, "%s has %s tasks", v.Service, v.tasksText())
}
