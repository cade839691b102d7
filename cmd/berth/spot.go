package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func spotCommand(flags *globals) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "spot",
		Short: "Take away the capacity of tasks on Fargate Spot",
		Long: "AWS takes Spot capacity away when it needs it; Berth does when it is told to, so that one can see what becomes of a\n" +
			"service then.",
		Example: "  berth spot interrupt 3f2a",
	})
	cmd.AddCommand(spotInterruptCommand(flags))
	return cmd
}

func spotInterruptCommand(flags *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "interrupt TASK|FAMILY",
		Short: "Interrupt a task of the capacity provider FARGATE_SPOT",
		Long: "The task leaves its load balancers, and its containers get SIGTERM at once and SIGKILL after their stopTimeout (30 s\n" +
			"unless set, two minutes at most). A family means its latest task.",
		Example: "  berth spot interrupt 3f2a\n  berth spot interrupt hello-web",
		Args:    exactly("TASK or FAMILY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := flags.connect()
			if err != nil {
				return err
			}
			done, err := t.operator.Interrupt(cmd.Context(), t.cluster, args[0])
			if err != nil {
				return errors.New(flags.addressed(err.Error()))
			}
			return flags.show(cmd.OutOrStdout(), done, table{header: []string{"TASK", "REASON"}, rows: [][]string{{done.Task, done.Reason}}})
		},
	}
}
