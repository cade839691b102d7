package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/distribution/reference"
	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/operator"
	"github.com/berth-dev/berth/internal/progress"
)

func imageCommand(flags *globals) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "image",
		Short: "Import, pull, list and remove images",
		Long: "Tasks get their images by themselves: those that Berth has, those that the Docker daemon of this machine has, and others\n" +
			"from their registries. These verbs are for doing it by hand.",
		Example: "  berth image import my-app           # from the Docker daemon of this machine\n  berth image import app.tar\n  berth image ls\n  berth image prune",
	})
	cmd.AddCommand(imageImportCommand(flags), imagePullCommand(flags), imageListCommand(flags), imageRemoveCommand(flags), imagePruneCommand(flags))
	return cmd
}

func imagePullCommand(flags *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "pull NAME",
		Short:   "Pull an image from its registry, whether it is here or not",
		Long:    "Pull asks the registry that NAME stands for, which is Docker Hub where it names none, with the login that the docker command\nhas for it.",
		Example: "  berth image pull nginx:latest\n  berth image pull 127.0.0.1:5000/my-app",
		Args:    exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			named, err := reference.ParseDockerRef(args[0])
			if err != nil {
				return usagef("%q is no image's name", args[0])
			}
			t, err := flags.connect()
			if err != nil {
				return err
			}
			image, err := t.pullImage(cmd.Context(), named.String(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return flags.show(cmd.OutOrStdout(), image, imageTable([]operator.Image{image}))
		},
	}
}

// pullImage pulls and tells how far it is.
func (t *target) pullImage(ctx context.Context, name string, errOut io.Writer) (image operator.Image, err error) {
	p := progress.To(errOut)
	defer p.Done()
	done := make(chan struct{})
	go func() {
		defer close(done)
		image, err = t.operator.PullImage(ctx, name)
	}()
	for {
		select {
		case <-done:
			return image, err
		case <-time.After(200 * time.Millisecond):
		}
		pulls, err := t.operator.Pulls(ctx)
		if err != nil {
			continue // it is a courtesy
		}
		for _, pull := range pulls {
			if pull.Reference == name {
				p.State("%s", pullText(pull))
			}
		}
	}
}

func imageListCommand(flags *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "ls",
		Short:   "List the images",
		Example: "  berth image ls\n  berth image ls --output json",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := flags.connect()
			if err != nil {
				return err
			}
			images, err := t.operator.Images(cmd.Context())
			if err != nil {
				return err
			}
			return flags.show(cmd.OutOrStdout(), images, imageTable(images))
		},
	}
}

func imageRemoveCommand(flags *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "rm NAME...",
		Short:   "Remove images; tasks that run keep theirs",
		Example: "  berth image rm my-app:old",
		Args:    atLeastOne("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.remove(cmd, args, (*operator.Client).RemoveImage)
		},
	}
}

// remove removes what is named, one after the other, and says so.
func (g *globals) remove(cmd *cobra.Command, names []string, one func(*operator.Client, context.Context, string) error) error {
	t, err := g.connect()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := one(t.operator, cmd.Context(), name); err != nil {
			return err
		}
		if g.output == "text" {
			fmt.Fprintf(cmd.OutOrStdout(), "%s removed\n", name)
		}
	}
	if g.output == "json" {
		return writeJSON(cmd.OutOrStdout(), map[string][]string{"removed": names})
	}
	return nil
}

func imagePruneCommand(flags *globals) *cobra.Command {
	var all bool
	var unused time.Duration
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove the images that no task uses",
		Long: "Prune removes the images that no task uses and that come again when one does: from their registry, or from a Docker that\n" +
			"still has them. Images that were imported stay, unless --all is given. Berth does the same by itself, a few at a time, when\n" +
			"the disk fills up.",
		Example: "  berth image prune\n  berth image prune --all --unused-for 24h",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := flags.connect()
			if err != nil {
				return err
			}
			removed, err := t.operator.PruneImages(cmd.Context(), all, unused)
			if err != nil {
				return err
			}
			if flags.output == "json" {
				return writeJSON(cmd.OutOrStdout(), removed)
			}
			for _, image := range removed {
				fmt.Fprintf(cmd.OutOrStdout(), "%s removed\n", image.Name)
			}
			if len(removed) == 0 {
				fmt.Fprintln(cmd.ErrOrStderr(), "nothing to remove")
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also those that were imported, and those that Docker no longer has")
	cmd.Flags().DurationVar(&unused, "unused-for", 0, "only those that no task has used for this `TIME`, such as 24h")
	return cmd
}

func imageTable(images []operator.Image) table {
	t := table{header: []string{"NAME", "DIGEST", "SIZE", "CREATED", "FROM", "USED"}}
	for _, i := range images {
		used := "now"
		if !i.InUse {
			used = ageText(i.Used, time.Now())
		}
		t.rows = append(t.rows, []string{i.Name, i.Digest[:min(19, len(i.Digest))], bytesText(i.Size), ageText(i.Created, time.Now()), i.Origin, used})
	}
	return t
}
