package fake

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// killed is the exit code of a process that was killed.
const killed = 137

// Command is a further process in a container, as the script's Exec sees it. Reading Stdin and writing end once it is killed.
type Command struct {
	engine.ExecSpec
	Task, Container string
	Stdin           io.Reader // at its end unless the process was started with one
	Stdout, Stderr  io.Writer // one and the same with a terminal
	Sizes           <-chan engine.WindowSize

	machine *Machine
	in      *running
	process *process
}

// Burn takes so much of the processors' time.
func (c Command) Burn(d time.Duration) {
	c.machine.mu.Lock()
	defer c.machine.mu.Unlock()
	c.in.burnt += d
}

// Serve listens on an address inside the container until the process ends, and returns it. Port 0 takes a free one.
func (c Command) Serve(address string, serve func(net.Conn)) string {
	c.machine.mu.Lock()
	defer c.machine.mu.Unlock()
	if host, port, err := net.SplitHostPort(address); err == nil && port == "0" {
		address = net.JoinHostPort(host, strconv.Itoa(int(c.machine.port())))
	}
	c.in.listeners[address] = listening{c.process, serve}
	return address
}

// listening is a process that listens.
type listening struct {
	process *process
	serve   func(net.Conn)
}

// Exec starts what the container's script has for it. Without a script a process prints nothing and ends with 0.
func (h *handle) Exec(ctx context.Context, taskID, name string, spec engine.ExecSpec) (engine.Process, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	_, c, err := h.find(taskID, name)
	if err != nil {
		return nil, err
	}
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	switch {
	case c.status.State != engine.Running:
		return nil, failure(engine.CannotExec, fmt.Sprintf("container %s is %s", name, c.status.State))
	case len(spec.Cmd) == 0:
		return nil, failure(engine.CannotExec, "no command")
	case c.script.ExecFails != nil:
		if why := c.script.ExecFails(spec.Cmd); why != "" {
			return nil, failure(engine.CannotExec, why)
		}
	}
	life, end := context.WithCancel(context.Background())
	p := &process{end: end, sizes: make(chan engine.WindowSize, 16), exited: make(chan struct{})}
	stdin, stdout, stderr := p.pipes(spec)
	script, stopped := c.script.Exec, c.stopped
	go func() {
		select {
		case <-stopped:
			p.Close()
		case <-h.closed: // the agent is dead
			p.Close()
		case <-p.exited:
		}
	}()
	go func() {
		code := 0
		if script != nil {
			code = script(life, Command{ExecSpec: spec, Task: taskID, Container: name, Stdin: stdin, Stdout: stdout, Stderr: stderr, Sizes: p.sizes,
				machine: h.m, in: c, process: p})
		}
		if life.Err() != nil {
			code = killed
		}
		p.ends(code)
	}()
	return p, nil
}

// process is a scripted process. What it prints is kept in pipes: nobody reading blocks it.
type process struct {
	end    context.CancelFunc
	stdin  *io.PipeWriter
	reads  *io.PipeReader
	out    *io.PipeReader
	err    *io.PipeReader
	writes []*io.PipeWriter
	sizes  chan engine.WindowSize
	once   sync.Once
	exited chan struct{}
	code   int
}

// pipes are the process's ends of its input and output.
func (p *process) pipes(spec engine.ExecSpec) (stdin io.Reader, stdout, stderr io.Writer) {
	p.reads, p.stdin = io.Pipe()
	if !spec.Stdin {
		_ = p.stdin.Close()
		p.stdin = nil
	}
	var out, err *io.PipeWriter
	p.out, out = io.Pipe()
	p.err, err = io.Pipe()
	p.writes = []*io.PipeWriter{out, err}
	if spec.TTY {
		_ = err.Close()
		return p.reads, out, out
	}
	return p.reads, out, err
}

// ends has the process be over; the first time counts.
func (p *process) ends(code int) {
	p.once.Do(func() {
		p.code = code
		p.end()
		_ = p.reads.CloseWithError(io.ErrClosedPipe)
		for _, w := range p.writes {
			_ = w.Close()
		}
		close(p.exited)
	})
}

func (p *process) Stdin() io.WriteCloser {
	if p.stdin == nil {
		return nil
	}
	return p.stdin
}

func (p *process) Stdout() io.Reader { return p.out }
func (p *process) Stderr() io.Reader { return p.err }

func (p *process) Resize(size engine.WindowSize) error {
	select {
	case p.sizes <- size:
	case <-p.exited:
	}
	return nil
}

func (p *process) Wait(ctx context.Context) (int, error) {
	select {
	case <-p.exited:
		return p.code, nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// hasEnded says that the process is over.
func (p *process) hasEnded() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// Close kills the process. Its script learns of that by its context and its closed pipes.
func (p *process) Close() error {
	p.ends(killed)
	return nil
}
