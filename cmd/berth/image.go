package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/operator"
)

func imageCommand(flags *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "image",
		Short:   "Import, list and remove images",
		Example: "  docker save my-app | berth image import -\n  berth image ls\n  berth image rm my-app",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(imageImportCommand(flags), imageListCommand(flags), imageRemoveCommand(flags))
	return cmd
}

func imageImportCommand(flags *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "import FILE|-",
		Short:   "Import the images of an OCI or docker-archive tar",
		Example: "  berth image import app.tar\n  docker save my-app | berth image import -",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := flags.connect()
			if err != nil {
				return err
			}
			archive := cmd.InOrStdin()
			if args[0] != "-" {
				file, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer file.Close()
				archive = file
			}
			images, err := t.operator.ImportImage(cmd.Context(), &counted{r: archive, out: cmd.ErrOrStderr()})
			if err != nil {
				return err
			}
			return flags.show(cmd.OutOrStdout(), images, imageTable(images))
		},
	}
}

// counted tells how much of the archive has been read, once a second.
type counted struct {
	r    io.Reader
	out  io.Writer
	n    int64
	told time.Time
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.told.IsZero() {
		c.told = time.Now()
	}
	if time.Since(c.told) >= time.Second {
		c.told = time.Now()
		fmt.Fprintf(c.out, "sent %s\n", bytesText(c.n))
	}
	return n, err
}

func imageListCommand(flags *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "ls",
		Short:   "List the images",
		Example: "  berth image ls",
		Args:    cobra.NoArgs,
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
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := flags.connect()
			if err != nil {
				return err
			}
			for _, name := range args {
				if err := t.operator.RemoveImage(cmd.Context(), name); err != nil {
					return fmt.Errorf("remove %s: %w", name, err)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s removed\n", name)
			}
			return nil
		},
	}
}

func imageTable(images []operator.Image) table {
	t := table{header: []string{"NAME", "DIGEST", "SIZE", "CREATED"}}
	for _, i := range images {
		t.rows = append(t.rows, []string{i.Name, i.Digest[:min(19, len(i.Digest))], bytesText(i.Size), ageText(i.Created, time.Now())})
	}
	return t
}
