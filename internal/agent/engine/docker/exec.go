package docker

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/retry"
)

// process is a further process of a container.
type process struct {
	*box
	exec string // Docker's id of it
	mark string
	tty  bool
	conn client.HijackedResponse

	stdin          io.WriteCloser
	stdout, stderr *io.PipeReader
	ended          chan struct{} // its output has ended
	over           sync.Once
	kept           func() bool // has the task's life let go of it
}

// Exec starts a further process.
func (e *Engine) Exec(ctx context.Context, id, name string, spec engine.ExecSpec) (engine.Process, error) {
	b, err := e.find(id, name)
	if err != nil {
		return nil, err
	}
	p, err := b.startProcess(ctx, spec)
	if err != nil {
		return nil, told(ctx, engine.CannotExec, err)
	}
	return p, nil
}

func (b *box) startProcess(ctx context.Context, spec engine.ExecSpec) (*process, error) {
	var token [8]byte
	rand.Read(token[:])
	p := &process{box: b, tty: spec.TTY, ended: make(chan struct{}),
		mark: b.marks() + hex.EncodeToString(token[:])}
	var size client.ConsoleSize
	if spec.TTY {
		size = client.ConsoleSize{Height: uint(spec.Size.Height), Width: uint(spec.Size.Width)}
	}
	err := b.ask(ctx, askTime, "prepare the command", func(ctx context.Context) error {
		made, err := b.api.ExecCreate(ctx, b.record.ID, client.ExecCreateOptions{User: spec.User, TTY: spec.TTY, ConsoleSize: size,
			AttachStdin: spec.Stdin, AttachStdout: true, AttachStderr: !spec.TTY, Env: append([]string{p.mark}, spec.Env...), WorkingDir: spec.Dir, Cmd: spec.Cmd})
		p.exec = made.ID
		return err
	})
	if err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	attached, err := b.api.ExecAttach(bounded, p.exec, client.ExecAttachOptions{TTY: spec.TTY, ConsoleSize: size})
	if err != nil {
		return nil, explain("start the command", err)
	}
	p.conn = attached.HijackedResponse
	if spec.Stdin {
		p.stdin = &stdin{p: p}
	}
	p.carry()
	if err := p.begun(ctx); err != nil {
		p.Close()
		return nil, err
	}
	if size != (client.ConsoleSize{}) { // daemons before API 1.42 have not set it
		_ = p.Resize(spec.Size)
	}
	return p, nil
}

// carry brings the output from Docker's stream to its two readers.
func (p *process) carry() {
	var out, errOut *io.PipeWriter
	p.stdout, out = io.Pipe()
	p.stderr, errOut = io.Pipe()
	p.work.Go(func() {
		defer close(p.ended)
		var err error
		if p.tty {
			_, err = io.Copy(out, p.conn.Reader)
		} else {
			_, err = stdcopy.StdCopy(out, errOut, p.conn.Reader)
		}
		if p.life.Err() == nil { // a connection that breaks off when the container ends is an end
			err = nil
		}
		out.CloseWithError(err)
		errOut.CloseWithError(err)
	})
	p.kept = context.AfterFunc(p.life, p.conn.Close)
}

// begun waits until Docker has started the command, or says why it could not, which it does in the output.
func (p *process) begun(ctx context.Context) error {
	for {
		state, err := p.look(ctx)
		switch {
		case err != nil:
			return err
		case state.PID != 0:
			return nil
		case state.ExitCode != 0 && !state.Running:
			said := make([]byte, 4096)
			n, _ := p.stdout.Read(said)
			if why := strings.TrimSpace(string(said[:n])); why != "" {
				return errors.New(why)
			}
			return fmt.Errorf("the Docker daemon could not start it: exit code %d", state.ExitCode)
		}
		if !retry.Pause(ctx, 2*time.Millisecond) {
			return ctx.Err()
		}
	}
}

func (p *process) look(ctx context.Context) (state client.ExecInspectResult, err error) {
	err = p.ask(ctx, askTime, "look at the command", func(ctx context.Context) (err error) {
		state, err = p.api.ExecInspect(ctx, p.exec, client.ExecInspectOptions{})
		return err
	})
	return state, err
}

// Stdin is what the process reads.
func (p *process) Stdin() io.WriteCloser { return p.stdin }

// Stdout is what it prints.
func (p *process) Stdout() io.Reader { return p.stdout }

// Stderr is what it prints there.
func (p *process) Stderr() io.Reader { return p.stderr }

// Resize changes the terminal's size.
func (p *process) Resize(size engine.WindowSize) error {
	return p.ask(p.life, askTime, "resize the terminal", func(ctx context.Context) error {
		_, err := p.api.ExecResize(ctx, p.exec, client.ExecResizeOptions{Height: uint(size.Height), Width: uint(size.Width)})
		return err
	})
}

// Wait returns the exit code.
func (p *process) Wait(ctx context.Context) (int, error) {
	for wait := 2 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		changed := p.execEnded()
		state, err := p.look(ctx)
		switch {
		case errors.Is(err, engine.ErrNotFound):
			return 0, fmt.Errorf("its container is gone: %w", err)
		case err != nil && !errors.Is(err, engine.ErrUnavailable):
			return 0, err
		case err == nil && !state.Running:
			return state.ExitCode, nil
		}
		select {
		case <-changed:
		case <-time.After(wait):
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-p.life.Done():
			return 0, errors.New("the agent lets go of it")
		}
	}
}

// Close kills the process, if it runs.
func (p *process) Close() error {
	var err error
	p.over.Do(func() {
		p.kept()
		p.stdout.Close()
		p.stderr.Close()
		p.conn.Close()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(p.life), makeTime)
		defer cancel()
		state, lookErr := p.look(ctx)
		if lookErr == nil && !state.Running || errors.Is(lookErr, engine.ErrNotFound) {
			return
		}
		err = p.killMarked(ctx, p.mark)
	})
	return err
}

// stdin is a process's input.
type stdin struct{ p *process }

func (s *stdin) Write(b []byte) (int, error) { return s.p.conn.Conn.Write(b) }
func (s *stdin) Close() error                { return s.p.conn.CloseWrite() }

// event takes in what Docker says has happened: the end of an exec wakes those who wait for it.
func (t *task) event(m events.Message) {
	if m.Action == events.ActionExecDie {
		t.change(func() {})
	}
}

// execEnded is closed when something has happened to the task.
func (t *task) execEnded() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.changed
}
