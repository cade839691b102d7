//go:build cgo

package main

import (
	"context"
	"os"
	"slices"
	"sync"
	"syscall"

	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/shim"
)

// Exec runs a further process in a container.
func (t *task) Exec(ctx context.Context, e *shim.Exec, started func([]*os.File) error) (int, error) {
	c := t.find(e.Name)
	if c == nil {
		return 0, shim.Errorf(shim.NotFound, "the task has no container %q", e.Name)
	}
	process, files, err := c.enter(ctx, e)
	if err != nil {
		return 0, err
	}
	defer c.left(process)
	defer t.tidy.Reset(tidyAfter)
	x := &execution{process: process}
	defer context.AfterFunc(ctx, x.kill)()
	err = started(files)
	shim.CloseFiles(files)
	if err != nil {
		x.kill()
	}
	return x.wait()
}

// execution is a process that was started beside a container's own. It leads a session and a process group.
type execution struct {
	process *libcontainer.Process

	mu    sync.Mutex
	ended bool // it may be reaped, and its number become another's
}

// kill kills the process and what it started in its group, until it has ended.
func (x *execution) kill() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if pid, err := x.process.Pid(); err == nil && pid > 1 && !x.ended {
		unix.Kill(-pid, unix.SIGKILL)
	}
}

func (x *execution) wait() (int, error) {
	if pid, err := x.process.Pid(); err == nil {
		awaitEnd(pid)
	}
	x.mu.Lock()
	x.ended = true
	x.mu.Unlock()
	end, err := x.process.Wait()
	if end == nil {
		return 0, err
	}
	return exitCode(unix.WaitStatus(end.Sys().(syscall.WaitStatus))), nil
}

// enter starts the process in the container's namespaces and control group, with its capabilities and system call filter,
// and returns the files for the agent. One is started at a time, as libcontainer has it; a container can stop it before it
// is its own, until the container ends, and those who wait for it give up with ctx.
func (c *container) enter(ctx context.Context, e *shim.Exec) (*libcontainer.Process, []*os.File, error) {
	select {
	case c.door <- struct{}{}:
		defer func() { <-c.door }()
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	l, leave, err := c.running()
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	p, user, err := c.further(e)
	if err != nil {
		return nil, nil, err
	}
	var ends *stdio
	if e.TTY {
		ends, err = newTerminal(p)
	} else {
		ends, err = newPipes(p, user, e.Stdin)
	}
	if err != nil {
		return nil, nil, err
	}
	defer ends.closeInner()
	if err := c.launch(p, l.runtime.Start); err != nil {
		ends.closeOuter()
		c.reapStrays(l)
		return nil, nil, err
	}
	c.entered(p)
	files, err := ends.take()
	if err != nil {
		x := &execution{process: p}
		x.kill()
		x.wait()
		c.left(p)
		return nil, nil, err
	}
	return p, files, nil
}

// running returns the run that goes on, whose process stays what it is until leave is called.
func (c *container) running() (l *life, leave func(), err error) {
	c.mu.Lock()
	l = c.latest
	c.mu.Unlock()
	if l != nil {
		l.entering.RLock()
		if !l.ending && !l.over() {
			return l, l.entering.RUnlock, nil
		}
		l.entering.RUnlock()
	}
	return nil, nil, shim.Errorf(shim.Failed, "container %s is not running", c.spec.Name)
}

// further is the container's process but for what is asked to be different.
func (c *container) further(e *shim.Exec) (*libcontainer.Process, specs.User, error) {
	if len(e.Args) == 0 || e.Args[0] == "" {
		return nil, specs.User{}, shim.Errorf(shim.Invalid, "no exec command specified")
	}
	asked := *c.spec.Spec.Process
	asked.Args, asked.Env = e.Args, slices.Clone(asked.Env)
	if e.TTY {
		asked.Env = append(asked.Env, "TERM=xterm")
	}
	asked.Env = append(asked.Env, e.Env...) // later ones win
	if e.Dir != "" {
		asked.Cwd = e.Dir
	}
	if e.User != "" {
		var err error
		if asked.User, err = c.lookUp(e.User, asked.User.Umask); err != nil {
			return nil, specs.User{}, err
		}
	}
	p, err := process(&specs.Spec{Process: &asked})
	if err != nil {
		return nil, specs.User{}, err
	}
	p.Init = false
	p.ConsoleWidth, p.ConsoleHeight = e.Width, e.Height
	return p, asked.User, nil
}
