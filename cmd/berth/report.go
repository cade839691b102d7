package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/progress"
	"github.com/berth-dev/berth/internal/wire/client"
)

// The exit codes; a verb that a signal ended adds the signal's number to exitSignal.
const (
	exitFailed = 1
	exitUsage  = 2
	exitSignal = 128
)

// interrupted is the cause of a context that a signal ended.
type interrupted struct{ signal syscall.Signal }

func (i interrupted) Error() string { return i.signal.String() }

// echo is how long after the first signal another one is no second request: wrappers such as timeout send the same to a
// process and to its group.
const echo = 500 * time.Millisecond

// interruptible ends the context at the first SIGINT, SIGTERM or SIGHUP, and the program at the second.
func interruptible(ctx context.Context, errOut io.Writer) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup asks for it to be
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		cancel(interrupted{(<-signals).(syscall.Signal)})
		first := time.Now()
		second := <-signals
		for time.Since(first) < echo {
			second = <-signals
		}
		fmt.Fprintln(errOut, "berth: ended at once")
		os.Exit(exitSignal + int(second.(syscall.Signal)))
	}()
	return ctx
}

// report says on errOut, in one line, why a verb failed and returns the program's exit code.
func (g *globals) report(ctx context.Context, cmd *cobra.Command, err error, errOut io.Writer) int {
	if err == nil {
		return 0
	}
	code, message := exitFailed, sentence(err)
	var ended exited
	if errors.As(err, &ended) {
		return int(ended)
	}
	var usage usageError
	var cause interrupted
	switch {
	case errors.As(err, &usage):
		code = exitUsage
		message += fmt.Sprintf(" (see `%s --help`)", cmd.CommandPath())
	case errors.As(context.Cause(ctx), &cause):
		code = exitSignal + int(cause.signal)
		var left leftBehind
		if !errors.As(err, &left) {
			return code
		}
		message = left.Error()
	}
	if g.output == "json" {
		failure := struct {
			Error string `json:"error"`
			Code  string `json:"code,omitzero"` // AWS's, when AWS's API gave the error
		}{Error: message}
		var answered *client.Error
		if errors.As(err, &answered) {
			failure.Code = answered.Code
		}
		if line, err := json.Marshal(failure); err == nil {
			fmt.Fprintf(errOut, "%s\n", line)
			return code
		}
	}
	fmt.Fprintln(errOut, "berth:", progress.Plain(message)) // it may hold what a registry says
	return code
}

// leftBehind is what goes on after a verb was interrupted.
type leftBehind string

func (l leftBehind) Error() string { return string(l) }

// sentence is an error in one line.
func sentence(err error) string {
	var request *url.Error
	if errors.As(err, &request) && !errors.Is(err, context.Canceled) {
		if at, parseErr := url.Parse(request.URL); parseErr == nil {
			return fmt.Sprintf("berth at %s broke off: %v", at.Host, oneLine(request.Err))
		}
	}
	return oneLine(err)
}

// oneLine joins what errors.Join put on lines of their own.
func oneLine(err error) string {
	var lines []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}
