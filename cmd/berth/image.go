package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/operator"
	"github.com/berth-dev/berth/internal/progress"
)

func imageCommand(flags *globals) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:     "image",
		Short:   "Import, list and remove images",
		Example: "  docker save my-app | berth image import -\n  berth image ls\n  berth image rm my-app",
	})
	cmd.AddCommand(imageImportCommand(flags), imageListCommand(flags), imageRemoveCommand(flags))
	return cmd
}

func imageImportCommand(flags *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "import FILE|-",
		Short:   "Import the images of an OCI or docker-archive tar",
		Example: "  berth image import app.tar\n  docker save my-app | berth image import -",
		Args:    exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			archive, err := openArchive(args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			defer archive.Close()
			t, err := flags.connect()
			if err != nil {
				return err
			}
			p := progress.To(cmd.ErrOrStderr())
			defer p.Done()
			images, err := t.operator.ImportImage(cmd.Context(), &counted{r: archive, progress: p})
			if err != nil {
				return fmt.Errorf("%s: %w", what(args[0]), err)
			}
			p.Done()
			return flags.show(cmd.OutOrStdout(), images, imageTable(images))
		},
	}
}

// openArchive opens what is to be imported.
func openArchive(name string, stdin io.Reader) (io.ReadCloser, error) {
	var file *os.File
	switch standard, ok := stdin.(*os.File); {
	case name != "-":
		var err error
		if file, err = os.Open(name); err != nil {
			return nil, err
		}
	case ok:
		file = standard
	default:
		return io.NopCloser(stdin), nil
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("%s is a directory: give the tar file of an image, as `docker save` writes it", name)
	case name == "-" && progress.IsTerminal(file):
		return nil, usagef("standard input is a terminal: pipe an archive into it, as `docker save my-app | berth image import -` does")
	}
	return file, nil
}

// what is the archive in words.
func what(name string) string {
	if name == "-" {
		return "standard input"
	}
	return name
}

// counted tells how much of the archive has been read.
type counted struct {
	r        io.Reader
	progress *progress.Writer
	n        int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.progress.State("sent %s", bytesText(c.n))
	return n, err
}

func imageListCommand(flags *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "ls",
		Short:   "List the images",
		Example: "  berth image ls",
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
			t, err := flags.connect()
			if err != nil {
				return err
			}
			for _, name := range args {
				if err := t.operator.RemoveImage(cmd.Context(), name); err != nil {
					return err
				}
				if flags.output == "text" {
					fmt.Fprintf(cmd.OutOrStdout(), "%s removed\n", name)
				}
			}
			if flags.output == "json" {
				return writeJSON(cmd.OutOrStdout(), map[string][]string{"removed": args})
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
