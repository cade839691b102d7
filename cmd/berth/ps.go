package main

import (
	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/api/ecs"
)

func psCommand(flags *globals) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:     "ps",
		Short:   "List tasks",
		Example: "  berth ps\n  berth ps -a                                    # stopped ones too, with why\n  berth ps --output json",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := flags.connect()
			if err != nil {
				return err
			}
			statuses := []ecs.DesiredStatus{ecs.DesiredStatusRunning}
			if all {
				statuses = append(statuses, ecs.DesiredStatusStopped)
			}
			tasks, err := t.tasks(cmd.Context(), "", statuses...)
			if err != nil {
				return err
			}
			views, err := t.views(cmd.Context(), tasks)
			if err != nil {
				return err
			}
			t.tellPulls(cmd.Context(), tasks, views)
			return flags.show(cmd.OutOrStdout(), views, viewTable(views))
		},
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "stopped tasks too")
	return cmd
}
