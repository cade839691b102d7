//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	_ "github.com/opencontainers/cgroups/devices" // device rules; without it no container starts
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/specconv"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/agent/spool"
	"github.com/berth-dev/berth/internal/shim"
	"github.com/berth-dev/berth/internal/shim/cgroup"
)

// container is one container of the task.
type container struct {
	task  *task
	spec  *shim.Container
	state shim.ContainerState // guarded by task.mu

	filter  *filter
	log     *spool.Writer // nil: output is dropped
	copying sync.WaitGroup
	sealing sync.Once

	mu     sync.Mutex              // held while a run begins; guards what follows
	next   *libcontainer.Container // made for the first run
	runs   int
	latest *life        // nil before the first run
	failed error        // why the latest run could not begin
	ended  bool         // no run begins any more
	inside map[int]bool // the processes that entered it and are not reaped

	door chan struct{} // has room for who starts a process in it
}

func (c *container) dir() string    { return shim.ContainerDir(c.task.dir, c.spec.Name) }
func (c *container) rootfs() string { return filepath.Join(c.dir(), "rootfs") }

func (c *container) group() cgroup.Group {
	return c.task.tree.Group(c.spec.Spec.Linux.CgroupsPath)
}

// firstOfNamespace says whether the container's process is the first of a process namespace, whose others die with it.
func (c *container) firstOfNamespace() bool {
	return slices.ContainsFunc(c.spec.Spec.Linux.Namespaces, func(n specs.LinuxNamespace) bool {
		return n.Type == specs.PIDNamespace && n.Path == ""
	})
}

// create mounts the root file system and has libcontainer take note of the container; no process is made.
func (c *container) create() error {
	if err := mountRootfs(c.spec.Rootfs, c.rootfs()); err != nil {
		return err
	}
	for _, v := range c.spec.Volumes {
		if err := c.volumeReady(v); err != nil {
			return err
		}
	}
	if err := c.complete(); err != nil {
		return err
	}
	var err error
	if c.filter, err = newFilter(filepath.Join(c.task.dir, "..", "..", "filters"), c.spec.Spec.Linux.Seccomp); err != nil {
		return err
	}
	if c.next, err = c.runtime(); err != nil {
		return err
	}
	if c.spec.Log.Path != "" {
		c.log, err = spool.Create(c.spec.Log.Path, spool.Options{MaxBytes: c.spec.Log.MaxBytes, NonBlocking: c.spec.Log.NonBlocking})
	}
	return err
}

// runtime has libcontainer take note of the container, for one run: it forgets it with the end of that. The id is unique
// on the machine: it names the container's session keyring, which those of one name share.
func (c *container) runtime() (*libcontainer.Container, error) {
	id := c.spec.RuntimeID
	config, err := specconv.CreateLibcontainerConfig(&specconv.CreateOpts{CgroupName: id, Spec: c.spec.Spec})
	if err != nil {
		return nil, err
	}
	return libcontainer.Create(filepath.Join(c.task.dir, "libcontainer"), id, config)
}

// start has the container run for the n-th time, unless it did. It returns why that run could not begin, if it could not.
func (c *container) start(n int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.runs > n:
		return nil
	case c.runs == n:
		return c.failed
	case n > 1 && !c.spec.Restarts:
		return shim.Errorf(shim.Invalid, "the container was not created to be restarted")
	case n > 1 && c.runs == 0:
		return shim.Errorf(shim.Invalid, "the container can't be restarted: it was never started")
	case c.runs > 0 && !c.latest.over():
		return shim.Errorf(shim.Invalid, "the container can't be restarted: it runs")
	case n != c.runs+1:
		return shim.Errorf(shim.Invalid, "run %d of the container can't follow run %d", n, c.runs)
	case c.ended && c.runs == 0:
		return shim.Errorf(shim.Failed, "the container was stopped before it was started")
	case c.ended:
		return shim.Errorf(shim.Failed, "the container was stopped before it was restarted")
	}
	c.runs = n
	c.failed = c.begin()
	return c.failed
}

// begin begins a run, or says why it can't; that is the container's end. It is called with mu held.
func (c *container) begin() error {
	c.latest = &life{stopped: make(chan struct{})}
	if !c.firstOfNamespace() {
		group := c.group()
		c.latest.others = &group
	}
	process, err := c.run(c.latest)
	if err != nil {
		c.ended = true
		c.finish(c.latest, func(s *shim.ContainerState) {
			s.Runs, s.Error, s.ExitCode, s.ExitKnown, s.OOMKilled = c.runs, err.Error(), 0, false, false
		})
		c.seal()
		return shim.Errorf(shim.Failed, "%v", err)
	}
	pid, _ := process.Pid()
	c.latest.process, _ = os.FindProcess(pid) // a pidfd: it stays valid, as the child is not reaped before wait
	c.task.change(func() {
		s := &c.state
		s.Status, s.Runs, s.PID, s.StartedAt = shim.Running, c.runs, pid, time.Now()
		s.ExitCode, s.ExitKnown, s.OOMKilled, s.FinishedAt = 0, false, false, time.Time{}
	})
	go c.wait(c.latest, process)
	c.filter.learn()
	return nil
}

func (c *container) run(l *life) (_ *libcontainer.Process, err error) {
	if l.runtime, c.next = c.next, nil; l.runtime == nil {
		if err := c.resolveUser(); err != nil { // the last run may have changed the files
			return nil, err
		}
		if l.runtime, err = c.runtime(); err != nil {
			return nil, err
		}
	}
	if err := c.task.joined(); err != nil { // nothing runs that the agent's end could take along
		return nil, err
	}
	p, err := process(c.spec.Spec)
	if err != nil {
		return nil, err
	}
	if c.spec.Spec.Process.Terminal {
		return p, c.runOnTerminal(l, p)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	p.Stdin, p.Stdout, p.Stderr = null, null, null
	if c.spec.Stdin {
		stdin, held, err := blockingPipe()
		if err != nil {
			return nil, err
		}
		defer stdin.Close()
		p.Stdin, l.stdin = stdin, held
	}
	if c.log != nil {
		stdout, err := c.pipe(spool.Stdout)
		if err != nil {
			return nil, err
		}
		defer stdout.Close()
		stderr, err := c.pipe(spool.Stderr)
		if err != nil {
			return nil, err
		}
		defer stderr.Close()
		p.Stdout, p.Stderr = stdout, stderr
	}
	return p, c.launch(p, l.runtime.Run)
}

// launch begins a process in the container with the container's filter.
func (c *container) launch(p *libcontainer.Process, begin func(*libcontainer.Process) error) error {
	filter, err := c.filter.open()
	if err != nil {
		return err
	}
	defer filter.Close()
	p.ExtraFiles = []*os.File{filter}
	return begin(p)
}

// runOnTerminal runs the process on a terminal of its container, on which nobody types.
func (c *container) runOnTerminal(l *life, p *libcontainer.Process) error {
	if size := c.spec.Spec.Process.ConsoleSize; size != nil {
		p.ConsoleWidth, p.ConsoleHeight = uint16(size.Width), uint16(size.Height)
	}
	ends, err := newTerminal(p)
	if err != nil {
		return err
	}
	defer ends.closeInner()
	if err := c.launch(p, l.runtime.Run); err != nil {
		ends.closeOuter()
		return err
	}
	files, err := ends.take()
	if err != nil { // the run is told to have failed: nothing of it goes on
		x := &execution{process: p}
		x.kill()
		x.wait()
		return err
	}
	c.copy(spool.Stdout, files[0])
	return nil
}

// pipe returns the end for the container; the other end is copied to the log.
func (c *container) pipe(stream spool.Stream) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(r.SetDeadline(time.Time{}), w.Chown(int(c.spec.Spec.Process.User.UID), int(c.spec.Spec.Process.User.GID))); err != nil {
		r.Close()
		w.Close()
		return nil, err
	}
	c.copy(stream, r)
	return w, nil
}

// copy copies output to the log until its end.
func (c *container) copy(stream spool.Stream, from *os.File) {
	c.copying.Go(func() {
		defer from.Close()
		var err error
		if c.log == nil {
			_, err = io.Copy(io.Discard, from)
		} else {
			err = c.log.Copy(stream, from)
		}
		// A terminal ends with EIO.
		if err != nil && !errors.Is(err, os.ErrClosed) && !errors.Is(err, unix.EIO) {
			fmt.Fprintf(os.Stderr, "berth-shim: copy %s of %s: %v\n", stream, c.spec.Name, err)
		}
	})
}

// wait waits for the run's process and records how it ended.
func (c *container) wait(l *life, p *libcontainer.Process) {
	awaitEnd(l.process.Pid)
	l.killOthers()
	l.entering.Lock()
	l.ending = true
	l.entering.Unlock()
	end, err := p.Wait()
	oom := c.group().OOMKills() > 0
	c.finish(l, func(s *shim.ContainerState) {
		s.OOMKilled = oom
		if end == nil {
			s.Error = fmt.Sprintf("wait for the process: %v", err)
			return
		}
		s.ExitCode, s.ExitKnown = exitCode(unix.WaitStatus(end.Sys().(syscall.WaitStatus))), true
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended = c.ended || !c.spec.Restarts; c.ended {
		c.seal()
	}
}

// awaitEnd returns once a child has ended; it is still to be reaped.
func awaitEnd(pid int) {
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
}

// exitCode is the shell's: 128 and the signal for a process that a signal ended.
func exitCode(status unix.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// finish ends a run and marks the container stopped.
func (c *container) finish(l *life, how func(*shim.ContainerState)) {
	l.calm()
	if l.stdin != nil {
		l.stdin.Close()
	}
	if l.runtime != nil {
		if err := l.runtime.Destroy(); err != nil {
			fmt.Fprintf(os.Stderr, "berth-shim: %s: %v\n", c.spec.Name, err)
		}
	}
	c.task.change(func() {
		c.state.Status, c.state.PID, c.state.FinishedAt = shim.Stopped, 0, time.Now()
		how(&c.state)
		close(l.stopped)
	})
}

// seal completes the log once all output is copied.
func (c *container) seal() {
	if c.log != nil {
		c.sealing.Do(func() {
			go func() {
				c.copying.Wait()
				c.log.Close()
			}()
		})
	}
}

// stop begins to stop the container, or hastens it, and waits for the end. A start under way, perhaps for an agent that
// has died since, comes first; one that has not begun never will, and its log, which is empty, is complete.
func (c *container) stop(ctx context.Context, grace time.Duration) error {
	c.mu.Lock()
	c.ended = true
	l := c.latest
	if l == nil || l.over() {
		c.seal()
	}
	c.mu.Unlock()
	if l == nil {
		return nil
	}
	l.hasten(grace, signalNumber(c.spec.StopSignal))
	select {
	case <-l.stopped:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// remove undoes create, after the container has stopped.
func (c *container) remove() error {
	if c.filter != nil {
		c.filter.close()
	}
	if c.log != nil {
		c.log.Close()
	}
	if c.next != nil {
		if err := c.next.Destroy(); err != nil {
			return err
		}
	}
	if err := unmountRootfs(c.rootfs()); err != nil {
		return err
	}
	return os.RemoveAll(c.dir())
}
