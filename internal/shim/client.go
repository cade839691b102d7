package shim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Conn is the agent's connection to a shim. It carries one call at a time.
type Conn struct {
	conn    *net.UnixConn
	welcome Welcome
}

// VersionError says that shim and agent have no version of the protocol in common.
type VersionError struct{ message string }

func (e *VersionError) Error() string { return e.message }

// Dial connects to the shim that listens on path and agrees on a version.
func Dial(ctx context.Context, path string) (*Conn, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	c := &Conn{conn: nc.(*net.UnixConn)}
	err = c.within(ctx, func() error {
		if err := WriteFrame(c.conn, Hello{Versions: versions()}); err != nil {
			return err
		}
		return ReadFrame(c.conn, &c.welcome)
	})
	if err == nil && c.welcome.Error != "" {
		err = &VersionError{c.welcome.Error}
	}
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("greet the shim at %s: %w", path, err)
	}
	return c, nil
}

// Broken says whether an error is of the connection alone, so that the same call may be made on another one.
func Broken(err error) bool {
	_, network := errors.AsType[*net.OpError](err)
	return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// Welcome returns what the shim said of itself.
func (c *Conn) Welcome() Welcome { return c.welcome }

// Close ends the connection. What was asked for goes on.
func (c *Conn) Close() error { return c.conn.Close() }

// Create prepares a container.
func (c *Conn) Create(ctx context.Context, container *Container) error {
	terminal := container.Spec != nil && container.Spec.Process != nil && container.Spec.Process.Terminal
	if terminal || container.Stdin || container.NoNetwork || container.Restarts || container.NetNS != "" || len(container.Volumes) > 0 {
		if err := c.since(2, "make such containers"); err != nil {
			return err
		}
	}
	_, err := c.call(ctx, Request{Create: container})
	return err
}

// Start starts a created container and returns once its process runs.
func (c *Conn) Start(ctx context.Context, name string) error {
	_, err := c.call(ctx, Request{Start: &Start{Name: name}})
	return err
}

// Restart starts a stopped container again; see Restart for how.
func (c *Conn) Restart(ctx context.Context, name string, run int) error {
	if err := c.since(2, "restart containers"); err != nil {
		return err
	}
	_, err := c.call(ctx, Request{Restart: &Restart{Name: name, Run: run}})
	return err
}

// Stop stops a container and returns once it has stopped; see Stop for how.
func (c *Conn) Stop(ctx context.Context, name string, grace time.Duration) error {
	_, err := c.call(ctx, Request{Stop: &Stop{Name: name, Grace: grace.Milliseconds()}})
	return err
}

// State returns the task's state.
func (c *Conn) State(ctx context.Context) (TaskState, error) {
	return c.stateOf(ctx, Request{State: &Empty{}})
}

// Watch returns the task's state; each Next after it returns a newer one.
func (c *Conn) Watch(ctx context.Context) (TaskState, error) {
	return c.stateOf(ctx, Request{Watch: &Empty{}})
}

// Next waits for the state to change after Watch and returns it.
func (c *Conn) Next(ctx context.Context) (TaskState, error) {
	var resp Response
	err := c.within(ctx, func() error { return ReadFrame(c.conn, &resp) })
	return state(resp, err)
}

// Shutdown kills what runs, removes all that the shim made, and ends it.
func (c *Conn) Shutdown(ctx context.Context) error {
	_, err := c.call(ctx, Request{Shutdown: &Empty{}})
	return err
}

// Listener returns a copy of a socket that the shim listens on for its task (Task.Listen), of several the one of that
// index. Closing the copy leaves the socket open in the shim: what connects meanwhile waits for the next taker.
func (c *Conn) Listener(ctx context.Context, index int) (net.Listener, error) {
	if _, err := c.call(ctx, Request{Listener: &Listener{Index: index}}); err != nil {
		return nil, err
	}
	files, err := c.files(ctx, 1)
	if err != nil {
		return nil, fmt.Errorf("receive the task's listener: %w", err)
	}
	defer files[0].Close()
	return net.FileListener(files[0])
}

// Dial connects from inside a container's network namespace; see Connect for how.
func (c *Conn) Dial(ctx context.Context, name, address string) (net.Conn, error) {
	if err := c.since(2, "connect from inside its containers"); err != nil {
		return nil, err
	}
	if _, err := c.call(ctx, Request{Connect: &Connect{Name: name, Address: address}}); err != nil {
		return nil, err
	}
	files, err := c.files(ctx, 1)
	if err != nil {
		return nil, fmt.Errorf("receive the connection: %w", err)
	}
	defer files[0].Close()
	return net.FileConn(files[0])
}

func (c *Conn) stateOf(ctx context.Context, req Request) (TaskState, error) {
	resp, err := c.call(ctx, req)
	return state(resp, err)
}

func state(resp Response, err error) (TaskState, error) {
	switch {
	case err != nil:
		return TaskState{}, err
	case resp.State == nil:
		return TaskState{}, errors.New("the shim answered without a state")
	}
	return *resp.State, nil
}

func (c *Conn) call(ctx context.Context, req Request) (Response, error) {
	var resp Response
	err := c.within(ctx, func() error {
		if err := WriteFrame(c.conn, req); err != nil {
			return err
		}
		return ReadFrame(c.conn, &resp)
	})
	if err == nil && resp.Error != nil {
		err = resp.Error
	}
	return resp, err
}

// within runs a piece of the conversation and breaks it off when ctx ends; the connection is of no use after that.
func (c *Conn) within(ctx context.Context, talk func() error) error {
	stop := context.AfterFunc(ctx, func() { c.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	err := talk()
	if ctx.Err() != nil && err != nil {
		return ctx.Err()
	}
	return err
}

// since refuses what the shim is too old for.
func (c *Conn) since(version int, what string) error {
	if c.welcome.Version < version {
		return Errorf(Invalid, "the task is kept by a process of an older Berth, which can't %s: only tasks begun since can", what)
	}
	return nil
}

func versions() []int {
	var v []int
	for n := Version; n >= Oldest; n-- {
		v = append(v, n)
	}
	return v
}
