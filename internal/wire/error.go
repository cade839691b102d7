package wire

import (
	"fmt"

	"github.com/berth-dev/berth/internal/wire/codec"
)

// Error is an AWS error. A handler returns one to choose what the caller sees;
// any other error of a handler is answered as an internal failure, without its
// text. The status is the model's for that code, or 400, unless it is set.
type Error = codec.Error

// Errorf makes an AWS error: wire.Errorf(ecs.ClusterNotFoundException,
// "Cluster not found.").
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}
