package exec_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine/fake"
	"github.com/berth-dev/berth/internal/execstream"
)

func TestACommandThatReadsNothingEndsWithItsClient(t *testing.T) {
	gone := make(chan struct{})
	ctx, stream, _ := serve(t, fake.Behaviour{Exec: func(ctx context.Context, c fake.Command) int {
		defer close(gone)
		<-ctx.Done()
		return 0
	}}, acs.BerthSessionMessage{Type: acs.BerthSessionTypeExec, Command: []string{"sleep", "1000"}})
	if err := stream.Send(ctx, execstream.Start, []byte(`{"width":80,"height":24}`)); err != nil {
		t.Fatal(err)
	}
	filling, stop := context.WithTimeout(ctx, time.Second)
	defer stop()
	for line := bytes.Repeat([]byte("y\n"), 8<<10); stream.Send(filling, execstream.Stdin, line) == nil; {
	}
	select {
	case <-gone:
	case <-ctx.Done():
		t.Fatal("the command goes on")
	}
}
