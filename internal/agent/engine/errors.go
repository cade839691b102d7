package engine

import (
	"errors"
	"fmt"
)

// ErrNotFound is returned for a task, container or image that the engine does not have.
var ErrNotFound = errors.New("not found")

// ErrUnavailable is in the chain of an error that says nothing of what was asked for: the engine did not answer, not in
// time, or is being restarted. What was asked for may have been done; Inspect tells, or asking again. It never is a
// task's failure.
var ErrUnavailable = errors.New("the engine does not answer")

// ErrInUse is returned for a volume that a container has.
var ErrInUse = errors.New("in use")

// Kind names a failure as the ECS agent names it in a stopped container's reason.
type Kind string

const (
	CannotPullContainer   Kind = "CannotPullContainerError"
	CannotCreateContainer Kind = "CannotCreateContainerError"
	CannotStartContainer  Kind = "CannotStartContainerError"
	CannotStopContainer   Kind = "CannotStopContainerError"
	CannotExec            Kind = "CannotExecError"
	CannotCreateVolume    Kind = "CannotCreateVolumeError"
	ResourceInit          Kind = "ResourceInitializationError"
)

// Error is a failure that the task's owner is told of: its text becomes the container's reason.
type Error struct {
	Kind Kind
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Kind, e.Err) }
func (e *Error) Unwrap() error { return e.Err }
