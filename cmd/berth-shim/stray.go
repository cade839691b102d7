//go:build cgo

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/opencontainers/runc/libcontainer"
	"golang.org/x/sys/unix"
)

// entered notes a process that was started in the container.
func (c *container) entered(p *libcontainer.Process) {
	pid, _ := p.Pid()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inside[pid] = true
}

// left forgets one that is reaped.
func (c *container) left(p *libcontainer.Process) {
	pid, _ := p.Pid()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.inside, pid)
}

// firstStage is what libcontainer's process is called that starts the one in the container. Who waits for it at all takes
// it well if another has reaped it.
const firstStage = "runc:[1:CHILD]"

// reapStrays ends and reaps what a further process that could not be started has left, which libcontainer doesn't when it
// dies on the way in: with the container, or killed for want of memory. The first process of a namespace doesn't end before
// every other one of it is reaped, so the container would never stop. It is called while nobody else enters.
func (c *container) reapStrays(l *life) {
	own, err := os.Readlink(pidNamespace(l.process.Pid))
	if err != nil {
		return
	}
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	for _, list := range lists {
		children, _ := os.ReadFile(list)
		for child := range strings.FieldsSeq(string(children)) {
			if pid, err := strconv.Atoi(child); err == nil && c.isStray(l, pid, own) {
				unix.Kill(pid, unix.SIGKILL)
				for _, err := unix.Wait4(pid, nil, 0, nil); err == unix.EINTR; _, err = unix.Wait4(pid, nil, 0, nil) {
				}
			}
		}
	}
}

// isStray says whether a child is one that nobody waits for. A namespace that the container shares tells nothing of whose
// a process is.
func (c *container) isStray(l *life, pid int, own string) bool {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if strings.Contains(string(stat), "("+firstStage+") Z ") {
		return true
	}
	c.mu.Lock()
	known := pid == l.process.Pid || c.inside[pid]
	c.mu.Unlock()
	its, err := os.Readlink(pidNamespace(pid))
	return err == nil && !known && l.others == nil && its == own
}

func pidNamespace(pid int) string { return fmt.Sprintf("/proc/%d/ns/pid", pid) }
