package shim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Handler does what an agent asks of a shim. Its methods may be called at the same time. Errors that are not *Error
// are sent as Failed.
type Handler interface {
	Create(c *Container) error
	Start(name string) error
	Restart(name string, run int) error
	// Stop returns when the container has stopped, or when ctx ends because the agent went away; the stop goes on.
	Stop(ctx context.Context, name string, grace time.Duration) error
	// State returns the present state and a channel that is closed at the next change.
	State() (TaskState, <-chan struct{})
	// Listener returns a listening socket of the task's; the caller doesn't close it.
	Listener(index int) (*os.File, error)
	// Exec runs a process in a container until it or ctx ends, and returns its exit code. It calls started when the process
	// runs, with the files for the agent, and closes them.
	Exec(ctx context.Context, e *Exec, started func(files []*os.File) error) (code int, err error)
	// Dial opens a connection from where a container is; the caller closes it.
	Dial(ctx context.Context, d *Connect) (*os.File, error)
	// Shutdown removes all that the shim made. The shim ends after the answer is sent.
	Shutdown() error
}

// Server speaks the protocol with agents.
type Server struct {
	Handler Handler
	Build   string // of the program, told to agents
}

// Serve answers on l until an agent's Shutdown has been answered, and then returns nil. It closes l.
func (s *Server) Serve(l *net.UnixListener) error {
	var calls sync.WaitGroup
	defer calls.Wait()
	open, end := context.WithCancel(context.Background())
	defer end()
	context.AfterFunc(open, func() { l.Close() })
	for {
		conn, err := l.AcceptUnix()
		switch {
		case open.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("accept agents: %w", err)
		}
		calls.Go(func() {
			defer conn.Close()
			defer context.AfterFunc(open, func() { conn.Close() })()
			if s.converse(conn) {
				end()
			}
		})
	}
}

// helloTime bounds how long a connection may stay without a greeting.
const helloTime = 5 * time.Second

// converse serves one connection to its end and says whether the agent shut the shim down.
func (s *Server) converse(conn *net.UnixConn) (shutdown bool) {
	if err := sameUser(conn); err != nil {
		return false
	}
	conn.SetDeadline(time.Now().Add(helloTime))
	var hello Hello
	if err := ReadFrame(conn, &hello); err != nil {
		return false
	}
	welcome := Welcome{Build: s.Build, PID: os.Getpid(), Version: agree(hello.Versions)}
	if welcome.Version == 0 {
		welcome.Error = fmt.Sprintf("this shim speaks versions %d to %d of the protocol, the agent %v", Oldest, Version, hello.Versions)
	}
	if err := WriteFrame(conn, welcome); err != nil || welcome.Version == 0 {
		return false
	}
	conn.SetDeadline(time.Time{})
	for {
		var req Request
		if err := ReadFrame(conn, &req); err != nil {
			return false
		}
		ended, err := s.answer(conn, req)
		if ended || err != nil {
			return ended
		}
	}
}

// answer answers one request. ended says that the task is gone and with it the reason for this shim.
func (s *Server) answer(conn *net.UnixConn, req Request) (ended bool, err error) {
	var resp Response
	switch {
	case req.Create != nil:
		resp.Error = asError(s.Handler.Create(req.Create))
	case req.Start != nil:
		resp.Error = asError(s.Handler.Start(req.Start.Name))
	case req.Restart != nil:
		resp.Error = asError(s.Handler.Restart(req.Restart.Name, req.Restart.Run))
	case req.Exec != nil:
		return false, s.exec(conn, req.Exec)
	case req.Connect != nil:
		return false, s.dial(conn, req.Connect)
	case req.Stop != nil:
		err := whileThere(conn, func(ctx context.Context) error {
			return s.Handler.Stop(ctx, req.Stop.Name, time.Duration(req.Stop.Grace)*time.Millisecond)
		})
		if errors.Is(err, context.Canceled) {
			return false, err
		}
		resp.Error = asError(err)
	case req.State != nil:
		now, _ := s.Handler.State()
		resp.State = &now
	case req.Watch != nil:
		return false, whileThere(conn, func(ctx context.Context) error { return s.watch(ctx, conn) })
	case req.Listener != nil:
		return false, s.sendListener(conn, req.Listener.Index)
	case req.Shutdown != nil:
		resp.Error = asError(s.Handler.Shutdown())
		ended = resp.Error == nil
	default:
		resp.Error = Errorf(Invalid, "the request asks for nothing that this shim knows")
	}
	return ended, WriteFrame(conn, resp)
}

func (s *Server) watch(ctx context.Context, conn *net.UnixConn) error {
	for {
		now, changed := s.Handler.State()
		if err := WriteFrame(conn, Response{State: &now}); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Server) sendListener(conn *net.UnixConn, index int) error {
	f, err := s.Handler.Listener(index)
	if writeErr := WriteFrame(conn, Response{Error: asError(err)}); writeErr != nil || err != nil {
		return writeErr
	}
	return SendFiles(conn, f)
}

// exec answers twice: when the process runs and when it has ended; once if it can't be started.
func (s *Server) exec(conn *net.UnixConn, req *Exec) error {
	var code int
	err := whileThere(conn, func(ctx context.Context) (err error) {
		code, err = s.Handler.Exec(ctx, req, func(files []*os.File) error {
			return errors.Join(WriteFrame(conn, Response{}), SendFiles(conn, files...))
		})
		return errors.Join(err, ctx.Err())
	})
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case err != nil:
		return WriteFrame(conn, Response{Error: asError(err)})
	}
	return WriteFrame(conn, Response{Exit: &Exit{Code: code}}) // the agent may speak again: nobody listens for its end now
}

func (s *Server) dial(conn *net.UnixConn, req *Connect) error {
	var f *os.File
	err := whileThere(conn, func(ctx context.Context) (err error) {
		f, err = s.Handler.Dial(ctx, req)
		return err
	})
	if writeErr := WriteFrame(conn, Response{Error: asError(err)}); writeErr != nil || err != nil {
		CloseFiles([]*os.File{f})
		return writeErr
	}
	return errors.Join(SendFiles(conn, f), f.Close())
}

// whileThere runs a long call with a context that ends when the agent closes its end, or speaks out of turn.
func whileThere(conn *net.UnixConn, call func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancel(context.Background())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		var b [1]byte
		if _, err := conn.Read(b[:]); !errors.Is(err, os.ErrDeadlineExceeded) {
			cancel()
		}
	}()
	err := call(ctx)
	conn.SetReadDeadline(time.Unix(1, 0))
	<-gone
	conn.SetReadDeadline(time.Time{})
	cancel()
	return err
}

// agree returns the newest version that both sides speak, or 0.
func agree(theirs []int) int {
	return slices.Max(append(slices.DeleteFunc(slices.Clone(theirs), func(v int) bool { return v < Oldest || v > Version }), 0))
}

func asError(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return Errorf(Failed, "%v", err)
}

// sameUser refuses peers that are not the user the shim runs as, which is root.
func sameUser(conn *net.UnixConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var peer *unix.Ucred
	var peerErr error
	if err := raw.Control(func(fd uintptr) {
		peer, peerErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return err
	}
	if peerErr != nil {
		return peerErr
	}
	if peer.Uid != uint32(os.Geteuid()) {
		return fmt.Errorf("user %d may not speak to this shim", peer.Uid)
	}
	return nil
}
