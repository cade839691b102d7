package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/berth-dev/berth/internal/instance"
	"github.com/berth-dev/berth/internal/operator"
)

const (
	// startTimeout bounds how long a start in the background may take: state is loaded and tasks are adopted meanwhile.
	startTimeout = 30 * time.Second
	// maxLog is the size at which a start begins the log of the background anew.
	maxLog = 8 << 20
)

// startDetached runs `berth dev` in the background, with the same flags, and waits until it is ready. One that runs already
// is left alone.
func (g *globals) startDetached(dev *cobra.Command, out io.Writer) error {
	if in, err := instance.Find(g.dir()); err == nil && in.Running() {
		return g.alreadyRuns(dev, in, out)
	}
	log, err := openLog(g.logPath())
	if err != nil {
		return fmt.Errorf("open the log of the background: %w", err)
	}
	defer log.Close()
	from, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	background := exec.Command(self, inForeground(dev)...)
	background.Args[0] = os.Args[0] // its messages name the program as the user does
	background.Stdout, background.Stderr = log, log
	background.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := background.Start(); err != nil {
		return fmt.Errorf("start in the background: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(dev.Context(), startTimeout,
		fmt.Errorf("berth is not ready after %s; it goes on trying, and its log is %s", startTimeout, log.Name()))
	defer cancel()
	ended := make(chan struct{})
	go func() {
		background.Wait()
		close(ended)
		cancel()
	}()
	health, err := g.waitHealth(ctx, operator.OK, operator.Impaired)
	if err != nil {
		<-ctx.Done() // what can't be read is told by the one that ends of it
	}
	select {
	case <-ended:
		return errors.New(lastWords(log.Name(), from))
	default:
	}
	if err != nil {
		return err
	}
	in, err := instance.Find(g.dir())
	if err != nil {
		return err
	}
	announced, err := in.Announced()
	if err != nil {
		return err
	}
	warn(dev.ErrOrStderr(), health)
	return g.welcome(out, announced, log.Name())
}

func (g *globals) alreadyRuns(dev *cobra.Command, in *instance.Instance, out io.Writer) error {
	ctx, cancel := context.WithTimeoutCause(dev.Context(), startTimeout, errors.New("berth runs already, but is not ready"))
	defer cancel()
	health, err := g.waitHealth(ctx, operator.OK, operator.Impaired)
	if err != nil {
		return err
	}
	warn(dev.ErrOrStderr(), health)
	announced, err := in.Announced()
	if err != nil {
		return err
	}
	if ignored := notApplied(dev, announced); len(ignored) > 0 {
		fmt.Fprintf(dev.ErrOrStderr(), "berth: it goes on as it was started, without what %s says here: `%s` ends it, and then it can be started so\n", joinWords(ignored), g.line("down"))
	}
	if g.output == "json" {
		return g.welcome(out, announced, "")
	}
	_, err = fmt.Fprintf(out, "berth runs already, at %s\n", announced.Endpoint)
	return err
}

// notApplied are the flags of a `berth dev` that found a Berth running, but for those that are known to be so there.
func notApplied(dev *cobra.Command, running instance.Announcement) (flags []string) {
	dev.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		so := map[string]string{"detach": "true", "fast": strconv.FormatBool(running.Fast), "region": running.Region, "account": running.Account,
			"listen": strings.TrimPrefix(running.Endpoint, "http://")}[f.Name]
		if f.Changed && f.Value.String() != so {
			flags = append(flags, "--"+f.Name)
		}
	})
	return flags
}

// warn tells what is wrong with a Berth that runs all the same.
func warn(errOut io.Writer, health operator.Health) {
	for _, problem := range health.Problems {
		fmt.Fprintln(errOut, "berth:", problem)
	}
}

// inForeground are the arguments of the same `berth dev` without --detach.
func inForeground(dev *cobra.Command) []string {
	args := []string{"dev"}
	dev.Flags().Visit(func(f *pflag.Flag) {
		value := f.Value.String()
		if list, ok := f.Value.(pflag.SliceValue); ok {
			value = strings.Join(list.GetSlice(), ",")
		}
		if f.Name != "detach" && f.Name != "output" {
			args = append(args, "--"+f.Name+"="+value)
		}
	})
	return args
}

// logPath is the log of a Berth in the background. It lies beside the data directory, which may not be there yet.
func (g *globals) logPath() string {
	dir := g.dir()
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return filepath.Clean(dir) + ".log"
}

func openLog(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	// In a directory that is open to all, such as /tmp, the name may be somebody's link to a file of root's.
	log, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if info, err := log.Stat(); err == nil && info.Size() > maxLog {
		return log, log.Truncate(0)
	}
	return log, nil
}

// lastWords is why a program in the background did not stay: the end of what it wrote to its log since.
func lastWords(path string, from int64) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "berth ended at once, and its log can't be read: " + err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text[min(from, int64(len(text))):])), "\n")
	if last, ok := strings.CutPrefix(lines[len(lines)-1], "berth: "); ok {
		return last
	}
	return fmt.Sprintf("berth ended at once; its log, %s, ends with: %s", path, lines[len(lines)-1])
}
