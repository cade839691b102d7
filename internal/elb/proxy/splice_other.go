//go:build !linux

package proxy

import (
	"errors"
	"time"
)

// spliceFrom is from how many bytes on it is worth to have the kernel carry them.
const spliceFrom = 32 << 10

// canSplice is whether the kernel can carry bytes between the ends: not here.
func canSplice(_, _ *end) bool { return false }

func splice(_, _ *end, _ int64, _ time.Duration) (int64, error) {
	return 0, errors.ErrUnsupported
}
