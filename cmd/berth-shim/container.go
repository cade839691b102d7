//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	_ "github.com/opencontainers/cgroups/devices" // device rules; without it no container starts
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/specconv"
	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/agent/spool"
	"github.com/berth-dev/berth/internal/shim"
)

// container is one container of the task. Its state is guarded by task.mu.
type container struct {
	task  *task
	spec  *shim.Container
	state shim.ContainerState

	runtime  *libcontainer.Container
	log      *spool.Writer // nil: output is dropped
	copying  sync.WaitGroup
	starting sync.Once
	stopped  chan struct{} // closed when it will never run again

	mu       sync.Mutex // guards what follows
	process  *os.Process
	signaled bool
	kill     *time.Timer
	deadline time.Time
}

func (c *container) dir() string    { return shim.ContainerDir(c.task.dir, c.spec.Name) }
func (c *container) rootfs() string { return filepath.Join(c.dir(), "rootfs") }

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
	// The id is unique on the machine: it names the container's session keyring, which those of one name share.
	id := c.spec.RuntimeID
	config, err := specconv.CreateLibcontainerConfig(&specconv.CreateOpts{CgroupName: id, Spec: c.spec.Spec})
	if err != nil {
		return err
	}
	if c.runtime, err = libcontainer.Create(filepath.Join(c.task.dir, "libcontainer"), id, config); err != nil {
		return err
	}
	if c.spec.Log.Path != "" {
		c.log, err = spool.Create(c.spec.Log.Path, spool.Options{MaxBytes: c.spec.Log.MaxBytes, NonBlocking: c.spec.Log.NonBlocking})
	}
	return err
}

// start starts the process and says so, or says why not.
func (c *container) start() {
	process, err := c.run()
	if err != nil {
		c.finish(func(s *shim.ContainerState) { s.Error = err.Error() })
		return
	}
	pid, _ := process.Pid()
	handle, _ := os.FindProcess(pid) // a pidfd: it stays valid, as the child is not reaped before wait
	c.mu.Lock()
	c.process = handle
	c.mu.Unlock()
	c.task.change(func() {
		c.state.Status, c.state.PID, c.state.StartedAt = shim.Running, pid, time.Now()
	})
	go c.wait(process)
}

func (c *container) run() (*libcontainer.Process, error) {
	if err := c.task.joined(); err != nil { // nothing runs that the agent's end could take along
		return nil, err
	}
	p, err := process(c.spec.Spec)
	if err != nil {
		return nil, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	p.Stdin, p.Stdout, p.Stderr = null, null, null
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
	return p, c.runtime.Run(p)
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
	c.copying.Go(func() {
		defer r.Close()
		if err := c.log.Copy(stream, r); err != nil && !errors.Is(err, os.ErrClosed) {
			fmt.Fprintf(os.Stderr, "berth-shim: copy %s of %s: %v\n", stream, c.spec.Name, err)
		}
	})
	return w, nil
}

// wait waits for the process and records how it ended.
func (c *container) wait(p *libcontainer.Process) {
	end, err := p.Wait()
	oom := c.task.tree.Group(c.spec.Spec.Linux.CgroupsPath).OOMKills() > 0
	c.finish(func(s *shim.ContainerState) {
		s.OOMKilled = oom
		if end == nil {
			s.Error = fmt.Sprintf("wait for the process: %v", err)
			return
		}
		s.ExitCode, s.ExitKnown = exitCode(unix.WaitStatus(end.Sys().(syscall.WaitStatus))), true
	})
}

// exitCode is the shell's: 128 and the signal for a process that a signal ended.
func exitCode(status unix.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// finish marks the container stopped. Its file systems go at once, its log stays open until all output is copied.
func (c *container) finish(how func(*shim.ContainerState)) {
	c.mu.Lock()
	if c.kill != nil {
		c.kill.Stop()
	}
	c.mu.Unlock()
	if err := c.runtime.Destroy(); err != nil {
		fmt.Fprintf(os.Stderr, "berth-shim: %s: %v\n", c.spec.Name, err)
	}
	c.task.change(func() {
		c.state.Status, c.state.PID, c.state.FinishedAt = shim.Stopped, 0, time.Now()
		how(&c.state)
	})
	close(c.stopped)
	if c.log != nil {
		go func() {
			c.copying.Wait()
			c.log.Close()
		}()
	}
}

// stop begins to stop the container, or hastens it, and waits for the end. A start under way, perhaps for an agent that
// has died since, comes first; one that has not begun never will, and its log, which is empty, is complete.
func (c *container) stop(ctx context.Context, grace time.Duration) error {
	c.starting.Do(func() {
		if c.log != nil {
			c.log.Close()
		}
	})
	c.mu.Lock()
	running := c.process != nil
	if running {
		c.hasten(grace)
	}
	c.mu.Unlock()
	if !running {
		return nil
	}
	select {
	case <-c.stopped:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hasten is called with mu held. There is always a deadline, as the signal may do nothing; SIGKILL takes all other
// processes of the namespace along.
func (c *container) hasten(grace time.Duration) {
	if !c.signaled && grace > 0 {
		c.signaled = true
		go c.signal(signalNumber(c.spec.StopSignal))
	}
	deadline := time.Now().Add(grace)
	switch {
	case grace <= 0:
		c.process.Signal(unix.SIGKILL)
	case c.kill == nil:
		c.deadline = deadline
		c.kill = time.AfterFunc(grace, func() { c.process.Signal(unix.SIGKILL) })
	case deadline.Before(c.deadline):
		c.deadline = deadline
		c.kill.Reset(grace)
	}
}

// signal sends the stop signal once the process would take note of it. The kernel drops what process 1 of a namespace has
// no handler for, so a container that is stopped right after its start would miss the signal and be killed.
func (c *container) signal(s unix.Signal) {
	for wait := time.Millisecond; !heeds(c.process.Pid, s); wait = min(2*wait, 100*time.Millisecond) {
		select {
		case <-c.stopped:
			return
		case <-time.After(wait):
		}
	}
	c.process.Signal(s)
}

// heeds says whether a container's process has a handler for a signal or keeps it for later; yes if that can't be read.
// Until it is the container's it is libcontainer's init, and while it becomes that it has no arguments: the handlers seen
// then mean nothing.
func heeds(pid int, s unix.Signal) bool {
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err == nil && (len(args) == 0 || string(args) == os.Args[0]+"\x00init\x00") {
		return false
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return true
	}
	var heeded uint64
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		if name == "SigCgt" || name == "SigBlk" {
			mask, _ := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			heeded |= mask
		}
	}
	return s == unix.SIGKILL || heeded&(1<<(s-1)) != 0
}

// remove undoes create, after the container has stopped.
func (c *container) remove() error {
	if c.log != nil {
		c.log.Close()
	}
	if c.runtime != nil {
		if err := c.runtime.Destroy(); err != nil {
			return err
		}
	}
	if err := unmountRootfs(c.rootfs()); err != nil {
		return err
	}
	return os.RemoveAll(c.dir())
}
