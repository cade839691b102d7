package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/operator"
)

func volumeCommand(flags *globals) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "volume",
		Short: "List and remove volumes",
		Long: "Tasks make their volumes by themselves. A task's own go with it; those of scope shared stay, also when Berth is reset, until\n" +
			"they are removed here or by `berth clean`.",
		Example: "  berth volume ls\n  berth volume rm database",
	})
	cmd.AddCommand(volumeListCommand(flags), volumeRemoveCommand(flags))
	return cmd
}

func volumeListCommand(flags *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "ls",
		Short:   "List the volumes, shared ones and those of tasks",
		Example: "  berth volume ls\n  berth volume ls --output json",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := flags.connect()
			if err != nil {
				return err
			}
			volumes, err := t.operator.Volumes(cmd.Context())
			if err != nil {
				return err
			}
			return flags.show(cmd.OutOrStdout(), volumes, volumeTable(volumes))
		},
	}
}

func volumeTable(volumes []operator.Volume) table {
	t := table{header: []string{"NAME", "DRIVER", "TASK", "CREATED"}}
	for _, v := range volumes {
		t.rows = append(t.rows, []string{v.Name, v.Driver, cmp.Or(v.Task, "shared"), ageText(v.Created, time.Now())})
	}
	return t
}

func volumeRemoveCommand(flags *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "rm NAME...",
		Short:   "Remove volumes and what is in them; not while a task has them",
		Example: "  berth volume rm database",
		Args:    atLeastOne("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.remove(cmd, args, (*operator.Client).RemoveVolume)
		},
	}
}

// Volumes lists the engine's volumes.
func (m *machine) Volumes(ctx context.Context) ([]operator.Volume, error) {
	volumes, err := m.engine.Volumes(ctx)
	list := make([]operator.Volume, 0, len(volumes))
	for _, v := range volumes {
		list = append(list, operator.Volume{Name: v.Name, Driver: v.Driver, Path: v.Path, Created: v.CreatedAt, Labels: v.Labels, Task: v.Task})
	}
	return list, err
}

// RemoveVolume removes a volume and what is in it.
func (m *machine) RemoveVolume(ctx context.Context, name string) error {
	err := m.engine.RemoveVolume(ctx, name)
	if errors.Is(err, engine.ErrNotFound) {
		return fmt.Errorf("%w: no volume is named %s; `berth volume ls` lists them", operator.ErrNotFound, name)
	}
	return err
}
