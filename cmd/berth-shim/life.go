//go:build cgo

package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/runc/libcontainer"
	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/shim/cgroup"
)

// life is one run of a container, from the start of its process on.
type life struct {
	runtime *libcontainer.Container
	process *os.Process   // nil: it could not be started
	others  *cgroup.Group // what runs in it beside the process and doesn't die with that; nil: nothing
	stdin   *os.File      // the other end of the process's, which nobody writes to; nil: it has none
	stopped chan struct{} // closed when nothing of it runs any more, with the container's state

	// entering is held by those who start further processes, against the process being reaped meanwhile: its number, by
	// which they find the namespaces, could be another's then.
	entering sync.RWMutex
	ending   bool // guarded by entering: nobody enters any more

	mu       sync.Mutex // guards what follows
	signaled bool
	kill     *time.Timer
	deadline time.Time
}

// over says whether the run has ended.
func (l *life) over() bool {
	select {
	case <-l.stopped:
		return true
	default:
		return false
	}
}

// hasten begins to stop the run, or has it end earlier. There is always a deadline, as the signal may do nothing; SIGKILL
// takes all else along: the other processes of the namespace, or, where that is not the container's own, of the group.
func (l *life) hasten(grace time.Duration, stopSignal unix.Signal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over() {
		return
	}
	if !l.signaled && grace > 0 {
		l.signaled = true
		go l.signal(stopSignal)
	}
	deadline := time.Now().Add(grace)
	switch {
	case grace <= 0:
		l.process.Signal(unix.SIGKILL)
	case l.kill == nil:
		l.deadline = deadline
		l.kill = time.AfterFunc(grace, func() { l.process.Signal(unix.SIGKILL) })
	case deadline.Before(l.deadline):
		l.deadline = deadline
		l.kill.Reset(grace)
	}
}

// othersTime bounds how long killed processes may take to disappear.
const othersTime = 10 * time.Second

// killOthers kills what would outlive the process.
func (l *life) killOthers() {
	if l.others == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), othersTime)
	defer cancel()
	if err := l.others.Kill(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "berth-shim:", err)
	}
}

// calm takes back the deadline of a run that has ended.
func (l *life) calm() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kill != nil {
		l.kill.Stop()
	}
}

// signal sends the stop signal once the process would take note of it. The kernel drops what process 1 of a namespace has
// no handler for, so a container that is stopped right after its start would miss the signal and be killed.
func (l *life) signal(s unix.Signal) {
	for wait := time.Millisecond; !heeds(l.process.Pid, s, l.others == nil); wait = min(2*wait, 100*time.Millisecond) {
		select {
		case <-l.stopped:
			return
		case <-time.After(wait):
		}
	}
	l.process.Signal(s)
}

// heeds says whether a container's process has a handler for a signal or keeps it for later, or needs none as it is not the
// first of its namespace; yes if that can't be read. Until it is the container's it is libcontainer's init, and while it becomes that it has no arguments: the handlers seen
// then mean nothing.
func heeds(pid int, s unix.Signal, first bool) bool {
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err == nil && (len(args) == 0 || string(args) == os.Args[0]+"\x00init\x00") {
		return false
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil || !first {
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
