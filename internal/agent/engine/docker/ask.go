package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/containerd/errdefs"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// How long the daemon may take, by what it is asked. It is asked again after that: nothing fails for it.
const (
	askTime  = 20 * time.Second // a question, or something small
	makeTime = 90 * time.Second // a container made, started or removed on a machine that is busy
)

// ask asks the daemon, which has so long to answer. The error of one that did not, or is on its way up or down, has
// engine.ErrUnavailable in its chain, that of something it does not have engine.ErrNotFound.
func (e *Engine) ask(ctx context.Context, within time.Duration, what string, do func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err := do(bounded)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", what, ctx.Err())
	case bounded.Err() != nil:
		return fmt.Errorf("%s: %w", what, &answer{fmt.Errorf("the Docker daemon did not answer within %s", within), engine.ErrUnavailable})
	}
	return explain(what, err)
}

// explain gives an error its meaning in package engine.
func explain(what string, err error) error {
	switch {
	case errdefs.IsNotFound(err):
		err = &answer{err, engine.ErrNotFound}
	case !answered(err) || leaving(err):
		err = &answer{err, engine.ErrUnavailable}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// answered says that an error is what the daemon said, and not that it said nothing.
func answered(err error) bool {
	return errdefs.IsInvalidArgument(err) || errdefs.IsConflict(err) || errdefs.IsInternal(err) || errdefs.IsPermissionDenied(err) ||
		errdefs.IsUnauthorized(err) || errdefs.IsNotImplemented(err) || errdefs.IsAlreadyExists(err) || errdefs.IsFailedPrecondition(err) ||
		errdefs.IsNotModified(err)
}

// leaving recognises what a daemon says that is being shut down or has lost its containerd. It tells only in words.
func leaving(err error) bool {
	text := err.Error()
	for _, says := range []string{"shutting down", "transport is closing", "containerd.sock", "context canceled", "grpc: the client connection is closing", "ttrpc: closed", "client is shutting down", "error reading from server"} {
		if strings.Contains(text, says) {
			return true
		}
	}
	return false
}

// answer is an error with the meaning that it has in package engine.
type answer struct {
	err error
	is  error
}

func (a *answer) Error() string        { return a.err.Error() }
func (a *answer) Unwrap() error        { return a.err }
func (a *answer) Is(target error) bool { return target == a.is }

// told is an error as the one that the task's owner is told, unless it says nothing about the task.
func told(ctx context.Context, kind engine.Kind, err error) error {
	if err == nil || ctx.Err() != nil || errors.Is(err, engine.ErrUnavailable) {
		return err
	}
	return &engine.Error{Kind: kind, Err: err}
}
