package task

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/retry"
)

// maxOutput is how much is kept of what a health check printed, as Docker has it.
const maxOutput = 4096

// probing is what one look at a container's health came to.
type probing struct {
	known   bool // it came to something: the engine did what it was asked for
	healthy bool
	output  string
}

// probe runs a container's health check once. A command that takes longer than its timeout is killed, and has failed.
func (t *task) probe(ctx context.Context, container string, k *check) probing {
	limited, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	p, err := t.Engine.Exec(limited, t.id, container, engine.ExecSpec{Cmd: k.command})
	if err != nil {
		var refused *engine.Error
		if errors.As(err, &refused) && limited.Err() == nil && !errors.Is(err, engine.ErrUnavailable) {
			return probing{known: true, output: clipOutput(refused.Err.Error())} // as when the command is not there
		}
		return probing{}
	}
	var printed output
	read := printed.read(p.Stdout(), p.Stderr())
	defer func() {
		_ = p.Close()
		<-read
	}()
	select { // to its end, which is that of whoever holds its output
	case <-read:
	case <-limited.Done():
	}
	code, err := p.Wait(limited)
	switch {
	case ctx.Err() != nil:
		return probing{}
	case limited.Err() != nil:
		return probing{known: true, output: clipOutput(fmt.Sprintf("Health check exceeded timeout (%s): %s", k.timeout, printed.text()))}
	case err != nil:
		return probing{}
	}
	return probing{known: true, healthy: code == 0, output: clipOutput(printed.text())}
}

// output is the beginning of what a command prints.
type output struct {
	mu   sync.Mutex
	kept bytes.Buffer
}

// read reads to the end of all, keeps what is kept, and closes the channel then.
func (o *output) read(all ...io.Reader) <-chan struct{} {
	var wg sync.WaitGroup
	for _, r := range all {
		wg.Go(func() { _, _ = io.Copy(o, r) })
	}
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	return done
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept.Write(p[:min(len(p), maxOutput-o.kept.Len())])
	return len(p), nil
}

func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.TrimSpace(o.kept.String())
}

func clipOutput(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxOutput)], "")
}

// pauseUntil waits for a time; false says that ctx ended first.
func pauseUntil(ctx context.Context, at time.Time) bool { return retry.Pause(ctx, time.Until(at)) }
