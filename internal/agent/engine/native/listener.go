package native

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/shim"
)

// Listener returns copies of the sockets that the shim holds, as one.
func (e *Engine) Listener(ctx context.Context, id string) (net.Listener, error) {
	var spec engine.TaskSpec
	if t := e.task(id); t != nil {
		if err := readJSON(filepath.Join(t.dir, specFile), &spec); err != nil {
			return nil, fmt.Errorf("take the listener of task %s: %w", id, err)
		}
	}
	var all []net.Listener
	for i := range max(1, len(spec.ListenIn)) {
		err := e.callShim(ctx, id, func(conn *shim.Conn) error {
			l, err := conn.Listener(ctx, i)
			if err == nil {
				all = append(all, l)
			}
			return err
		})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("take the listener of task %s: %w", id, err), closeListeners(all))
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return join(all), nil
}

// joined accepts for several listeners.
type joined struct {
	all      []net.Listener
	accepted chan accepted
	closed   chan struct{}
	close    func() error
}

// accepted is what a listener's Accept has returned.
type accepted struct {
	conn net.Conn
	err  error
}

func join(all []net.Listener) net.Listener {
	j := &joined{all: all, accepted: make(chan accepted), closed: make(chan struct{})}
	var accepting sync.WaitGroup
	for _, l := range all {
		accepting.Go(func() { j.accept(l) })
	}
	j.close = sync.OnceValue(func() error {
		close(j.closed)
		err := closeListeners(all)
		accepting.Wait()
		return err
	})
	return j
}

// accept passes on what one listener accepts. What nobody takes any more is closed.
func (j *joined) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		select {
		case j.accepted <- accepted{conn, err}:
		case <-j.closed:
			if err == nil {
				conn.Close()
			}
			return
		}
	}
}

// Accept returns the next connection to any of the listeners.
func (j *joined) Accept() (net.Conn, error) {
	select {
	case a := <-j.accepted:
		return a.conn, a.err
	case <-j.closed:
		return nil, net.ErrClosed
	}
}

// Close closes all of them.
func (j *joined) Close() error { return j.close() }

// Addr is the first one's; each has the same in its own namespace.
func (j *joined) Addr() net.Addr { return j.all[0].Addr() }

func closeListeners(all []net.Listener) error {
	var errs []error
	for _, l := range all {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}
