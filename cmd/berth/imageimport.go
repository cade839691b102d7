package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/distribution/reference"
	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/docker"
	"github.com/berth-dev/berth/internal/progress"
)

func imageImportCommand(flags *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE|NAME|-",
		Short: "Import images from a tar, or one of the Docker daemon",
		Long: "Import reads an OCI or docker-archive tar, compressed or not, from a file or from standard input, or has the Docker daemon of\n" +
			"this machine give out the image of a NAME. Berth does that by itself when a task needs it, unless it runs with --docker none.",
		Example: "  berth image import my-app:dev\n  berth image import app.tar\n  docker --context elsewhere save my-app | berth image import -",
		Args:    exactly("FILE or NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			archive, err := openImport(cmd.Context(), args[0], cmd.InOrStdin())
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

// openImport opens what is to be imported: standard input, a file, or an image of the Docker daemon.
func openImport(ctx context.Context, word string, stdin io.Reader) (io.ReadCloser, error) {
	if word == "-" {
		return openStdin(stdin)
	}
	info, err := os.Stat(word)
	if err == nil && !info.IsDir() {
		return os.Open(word)
	}
	named, notName := reference.ParseDockerRef(word)
	if notName != nil || strings.HasSuffix(word, ".tar") {
		if err == nil {
			err = fmt.Errorf("%s is a directory: give the tar file of an image, as `docker save` writes it", word)
		}
		return nil, err
	}
	daemon := docker.NewDaemon(docker.Starter(), "")
	archive, err := fromDaemon(ctx, daemon, named)
	switch {
	case errors.Is(err, docker.ErrNoImage):
		err = fmt.Errorf("there is no file %s, and Docker on this machine has no image of that name: build it by `docker build -t %s .`", word, word)
	case errors.Is(err, docker.ErrNoDaemon):
		err = fmt.Errorf("there is no file %s, and %w that could have an image of that name", word, err)
	}
	if err != nil {
		return nil, errors.Join(err, daemon.Close())
	}
	return &closing{archive, daemon}, nil
}

// fromDaemon has the daemon give out an image.
func fromDaemon(ctx context.Context, daemon *docker.Daemon, named reference.Named) (io.ReadCloser, error) {
	if _, err := daemon.Image(ctx, named); err != nil {
		return nil, err
	}
	return daemon.Save(ctx, named.String())
}

// closing closes its daemon too.
type closing struct {
	io.ReadCloser
	daemon *docker.Daemon
}

func (c *closing) Close() error { return errors.Join(c.ReadCloser.Close(), c.daemon.Close()) }

func openStdin(stdin io.Reader) (io.ReadCloser, error) {
	file, ok := stdin.(*os.File)
	if !ok {
		return io.NopCloser(stdin), nil
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errors.New("standard input is a directory: pipe an archive into it, as `docker save my-app | berth image import -` does")
	case progress.IsTerminal(file):
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
