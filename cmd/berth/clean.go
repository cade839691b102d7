package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/instance"
)

func cleanCommand(flags *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "clean",
		Short: "Remove everything of this Berth: tasks, networks, state, images, volumes and logs",
		Long: "Clean removes every process, namespace, link, rule, cgroup, mount and file of this instance, also after a crash, and\n" +
			"nothing of another; in Docker its containers, networks and volumes, and not the images. Berth must be down.",
		Example: "  berth down && berth clean",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flags.clean(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
}

func (g *globals) clean(ctx context.Context, out, errOut io.Writer) error {
	_, err := g.find()
	switch {
	case errors.Is(err, instance.ErrNone):
		return g.say(out, cleaned{}, "there is no Berth on %s", g.dir())
	case err != nil:
		return err
	}
	in, err := instance.Open(g.dir())
	if errors.Is(err, instance.ErrInUse) {
		return fmt.Errorf("berth runs on %s: end it by `%s` first", g.dir(), g.line("down"))
	}
	if err != nil {
		return err
	}
	if err := cleanDocker(ctx, in); err != nil {
		return errors.Join(err, in.Close())
	}
	if os.Getuid() == 0 { // another user's has nothing in the kernel
		err := cleanKernel(ctx, in, slog.New(slog.NewTextHandler(errOut, nil)))
		if err = errors.Join(err, in.RemoveRunDir()); err != nil {
			return errors.Join(err, in.Close()) // what could not be removed is found again through the data directory
		}
	}
	if err := os.Remove(g.logPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, in.Close())
	}
	err = os.RemoveAll(in.Dir)
	if errors.Is(err, syscall.EBUSY) { // a file system of its own, such as a container's volume: it stays, and is empty
		if left, _ := os.ReadDir(in.Dir); len(left) == 0 {
			err = nil
		}
	}
	if err := errors.Join(err, in.Close()); err != nil {
		return err
	}
	return g.say(out, cleaned{in.Dir}, "removed all of %s", in.Dir)
}

// cleaned is what `berth clean` removed.
type cleaned struct {
	DataDir string `json:"removed,omitzero"` // absent: there was nothing
}
