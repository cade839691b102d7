package native

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/shim"
)

// Exec has the shim start the process, which hands over its terminal or the ends of its pipes: what it reads and prints
// passes through nobody else.
func (e *Engine) Exec(ctx context.Context, id, name string, spec engine.ExecSpec) (engine.Process, error) {
	t := e.task(id)
	if t == nil {
		return nil, fmt.Errorf("task %s: %w", id, engine.ErrNotFound)
	}
	p := &process{task: t, ended: make(chan struct{})}
	err := notFound(t.converse(ctx, func(conn *shim.Conn) error {
		execution, err := conn.Exec(ctx, &shim.Exec{
			Name: name, Args: spec.Cmd, Env: spec.Env, User: spec.User, Dir: spec.Dir, Stdin: spec.Stdin,
			TTY: spec.TTY, Width: spec.Size.Width, Height: spec.Size.Height,
		})
		if err != nil {
			t.release(conn, ctx.Err() == nil && !shim.Broken(err))
			return err
		}
		p.conn, p.execution = conn, execution
		return nil
	}))
	switch {
	case errors.Is(err, engine.ErrNotFound):
		return nil, err
	case err != nil:
		return nil, &engine.Error{Kind: engine.CannotExec, Err: err}
	}
	p.attach(spec)
	e.going.Go(p.follow)
	return p, nil
}

// process is an engine.Process.
type process struct {
	task           *task
	execution      *shim.Execution
	stdin          io.WriteCloser
	stdout, stderr *stream

	ended chan struct{} // closed once code and err are known
	code  int
	err   error

	mu   sync.Mutex
	conn *shim.Conn // nil once it is nobody's business any more: the process lives as long as this is open
}

func (p *process) attach(spec engine.ExecSpec) {
	x := p.execution
	if spec.TTY {
		p.stdout, p.stderr = &stream{file: x.Terminal, ended: p.ended}, &stream{ended: p.ended}
		if spec.Stdin {
			p.stdin = keyboard{x.Terminal}
		}
		return
	}
	p.stdout, p.stderr = &stream{file: x.Stdout, ended: p.ended}, &stream{file: x.Stderr, ended: p.ended}
	if spec.Stdin {
		p.stdin = x.Stdin
	}
}

// follow waits for the process to end, and ends it when the engine closes.
func (p *process) follow() {
	defer context.AfterFunc(p.task.engine.life, p.hangUp)()
	p.code, p.err = p.execution.Exit()
	close(p.ended)
	for _, s := range []*stream{p.stdout, p.stderr} {
		if s.file != nil {
			s.file.SetReadDeadline(time.Unix(1, 0)) // whoever waits for more takes the rest
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn != nil {
		p.task.release(p.conn, p.err == nil)
		p.conn = nil
	}
}

func (p *process) hangUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn != nil {
		p.conn.Close()
		p.conn = nil
	}
}

func (p *process) Stdin() io.WriteCloser { return p.stdin }
func (p *process) Stdout() io.Reader     { return p.stdout }
func (p *process) Stderr() io.Reader     { return p.stderr }

// Resize sets the size of the process's terminal, which tells the process.
func (p *process) Resize(size engine.WindowSize) error {
	if p.execution.Terminal == nil {
		return errors.New("the process has no terminal")
	}
	raw, err := p.execution.Terminal.SyscallConn()
	if err != nil {
		return err
	}
	controlErr := raw.Control(func(fd uintptr) {
		err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: size.Height, Col: size.Width})
	})
	return errors.Join(err, controlErr)
}

func (p *process) Wait(ctx context.Context) (int, error) {
	select {
	case <-p.ended:
		if p.err != nil {
			return 0, fmt.Errorf("learn how the process ended: %w", p.err)
		}
		return p.code, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Close hangs up, at which the shim kills the process.
func (p *process) Close() error {
	p.hangUp()
	return p.execution.Close()
}
