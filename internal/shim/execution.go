package shim

import (
	"context"
	"errors"
	"os"
)

// Execution is a process that Exec started. It lives no longer than its connection.
type Execution struct {
	// Terminal, or Stdin (if asked for), Stdout and Stderr: the agent's sides. Close closes them.
	Terminal, Stdin, Stdout, Stderr *os.File

	conn *Conn
}

// Exec starts a further process in a running container. The connection is the process's until its Exit is read.
func (c *Conn) Exec(ctx context.Context, e *Exec) (*Execution, error) {
	if err := c.since(2, "run further commands in its containers"); err != nil {
		return nil, err
	}
	if _, err := c.call(ctx, Request{Exec: e}); err != nil {
		return nil, err
	}
	x := &Execution{conn: c}
	wanted := []**os.File{&x.Stdout, &x.Stderr}
	switch {
	case e.TTY:
		wanted = []**os.File{&x.Terminal}
	case e.Stdin:
		wanted = append([]**os.File{&x.Stdin}, wanted...)
	}
	files, err := c.files(ctx, len(wanted))
	if err != nil {
		return nil, err
	}
	for i, f := range files {
		*wanted[i] = f
	}
	return x, nil
}

// Exit waits for the process to end and returns its exit code. It is called once.
func (x *Execution) Exit() (int, error) {
	var resp Response
	if err := ReadFrame(x.conn.conn, &resp); err != nil {
		return 0, err
	}
	switch {
	case resp.Error != nil:
		return 0, resp.Error
	case resp.Exit == nil:
		return 0, errors.New("the shim answered without an exit code")
	}
	return resp.Exit.Code, nil
}

// Close closes the files.
func (x *Execution) Close() error {
	return CloseFiles([]*os.File{x.Terminal, x.Stdin, x.Stdout, x.Stderr})
}
