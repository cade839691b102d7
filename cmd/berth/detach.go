package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/berth-dev/berth/internal/instance"
)

// startTimeout bounds how long a start in the background may take: state is loaded and tasks are adopted meanwhile.
const startTimeout = 30 * time.Second

// startDetached runs `berth dev` in the background, with the same flags, and waits until it is ready. One that runs already
// is left alone.
func (g *globals) startDetached(ctx context.Context, args []string, out io.Writer) error {
	if in, err := instance.Find(g.dir()); err == nil && in.Running() {
		health, err := g.waitReady(ctx)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "berth runs already, at %s\n", health.Endpoint)
		return err
	}
	args = slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == "-d" || a == "--detach" || a == "--detach=true" })
	logPath := strings.TrimSuffix(filepath.Clean(g.dir()), "/") + ".log" // beside the data directory, which may not exist yet
	if err := os.MkdirAll(filepath.Dir(logPath), 0o755); err != nil {
		return err
	}
	logFile, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer logFile.Close()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	background := exec.Command(self, args...)
	background.Stdout, background.Stderr = logFile, logFile
	background.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := background.Start(); err != nil {
		return fmt.Errorf("start in the background: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- background.Wait() }()

	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("berth is not ready after %s; its log is %s", startTimeout, logPath))
	defer cancel()
	ready := make(chan error, 1)
	go func() {
		health, err := g.waitReady(ctx)
		if err == nil {
			_, err = fmt.Fprintf(out, "berth runs in the background, at %s (log: %s)\n", health.Endpoint, logPath)
		}
		ready <- err
	}()
	select {
	case err := <-ready:
		return err
	case <-ended:
		cancel()
		<-ready
		return endedEarly(logPath)
	}
}

// endedEarly is why a program in the background did not stay: the last line that it wrote.
func endedEarly(logPath string) error {
	text, err := os.ReadFile(logPath)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return errors.New(strings.TrimPrefix(lines[len(lines)-1], "berth: "))
}
