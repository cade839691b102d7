package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/operator"
)

func statsCommand(flags *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "stats [TASK|FAMILY|GROUP]",
		Short: "Show what running tasks use",
		Long: "Stats shows what each container of the running tasks used in the last twenty seconds or so: processors (100 % is one),\n" +
			"memory, and since it started what passed over its network and its disks. In network mode awsvpc a container's network is\n" +
			"its part of its task's.",
		Example: "  berth stats\n  berth stats hello-web\n  watch berth stats",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("%q is one argument too many", args[1])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := flags.connect()
			if err != nil {
				return err
			}
			name := ""
			if len(args) == 1 {
				name = args[0]
			}
			all, err := t.operator.Usage(cmd.Context(), t.cluster, name)
			if err != nil {
				return err
			}
			return flags.show(cmd.OutOrStdout(), all, statsTable(all, time.Now()))
		},
	}
}

// statsTable has a row for each container, and one for a task of which nothing is known yet.
func statsTable(all []operator.TaskUsage, now time.Time) table {
	t := table{header: []string{"TASK", "DEFINITION", "CONTAINER", "CPU", "MEMORY", "NET IN / OUT", "DISK IN / OUT", "MEASURED"}}
	for _, task := range all {
		first := []string{task.Task[:min(12, len(task.Task))], task.Definition}
		if len(task.Containers) == 0 {
			t.rows = append(t.rows, append(first, "-", "-", "-", "-", "-", "not yet"))
		}
		for _, c := range task.Containers {
			t.rows = append(t.rows, append(first[:2:2], c.Name, fmt.Sprintf("%.1f %%", c.CPU), memoryText(c), networkText(c.Network),
				bytesText(int64(c.Read))+" / "+bytesText(int64(c.Written)), ageText(task.At, now)+" ago"))
		}
	}
	return t
}

func memoryText(c operator.ContainerUsage) string {
	text := fmt.Sprintf("%.0f MiB", c.Memory)
	if c.MemoryLimit > 0 {
		text += fmt.Sprintf(" of %d", c.MemoryLimit)
	}
	return text
}

func networkText(n *operator.NetworkUsage) string {
	if n == nil {
		return "-"
	}
	return bytesText(int64(n.Received)) + " / " + bytesText(int64(n.Sent))
}
