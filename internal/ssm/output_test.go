package ssm_test

import (
	"context"
	"io"
	"testing"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/execstream"
	"github.com/berth-dev/berth/internal/ssm"
)

// much is a command that prints so many bytes.
func much(size int) func(ctx context.Context, m acs.BerthSessionMessage, c execstream.Conn) {
	return func(ctx context.Context, _ acs.BerthSessionMessage, c execstream.Conn) {
		if _, _, err := c.Receive(ctx); err != nil {
			return
		}
		for piece := make([]byte, execstream.MaxFrame/2); size > 0; size -= len(piece) {
			if c.Send(ctx, execstream.Stdout, piece[:min(size, len(piece))]) != nil {
				return
			}
		}
		_ = c.SendValue(ctx, execstream.Ended, execstream.End{})
		_, _, _ = c.Receive(ctx)
	}
}

func BenchmarkOutput(b *testing.B) {
	const size = 64 << 20
	b.SetBytes(size)
	for b.Loop() {
		w := newWorld(b, much(size))
		s := w.join(w.open(ssm.Request{Prefix: "test", Command: []string{"yes"}}))
		if n, err := io.Copy(io.Discard, s); err != nil || n != size {
			b.Fatal(n, err)
		}
	}
}
