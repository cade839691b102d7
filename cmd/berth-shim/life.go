//go:build cgo

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/runc/libcontainer"
	"golang.org/x/sys/unix"
)

// life is one run of a container, from the start of its process on.
type life struct {
	runtime *libcontainer.Container
	process *os.Process   // nil: it could not be started
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
// takes all other processes of the namespace along.
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
	for wait := time.Millisecond; !heeds(l.process.Pid, s); wait = min(2*wait, 100*time.Millisecond) {
		select {
		case <-l.stopped:
			return
		case <-time.After(wait):
		}
	}
	l.process.Signal(s)
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
