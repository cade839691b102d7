// Package fake is an engine whose containers exist in memory only: they start, run, exit, fail and take their time as
// a script says. Tests of the agent run on it, in virtual time too, and so does `berth dev --engine fake`, which shows
// the whole control plane on a machine that cannot run containers.
package fake

import (
	"context"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// Machine is what outlives an agent: the tasks that run, the images that are present and the script that containers
// follow. Each agent opens an engine of its own on it.
type Machine struct {
	mu       sync.Mutex
	tasks    map[string]*task
	images   map[string]engine.Image
	volumes  map[string]engine.Volume
	scripts  map[string]Behaviour
	ports    int
	runtimes int
	started  map[string]int
	ended    func(taskID string) // told of containers that end; may be nil
}

// OnEnd has f called, on a goroutine of its own, with the task of every container that ends from now on: cheaper than to
// watch thousands of tasks.
func (m *Machine) OnEnd(f func(taskID string)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = f
}

// NewMachine returns a machine on which nothing runs. Every image can be pulled; its containers run until they are stopped.
func NewMachine() *Machine {
	return &Machine{
		tasks:   map[string]*task{},
		images:  map[string]engine.Image{},
		volumes: map[string]engine.Volume{},
		scripts: map[string]Behaviour{},
		started: map[string]int{},
	}
}

// Behaviour is how the containers of an image behave. The zero value starts at once, runs until it is stopped, and
// ends with exit code 0 on its stop signal.
type Behaviour struct {
	PullTakes, CreateTakes, StartTakes time.Duration
	PullFails, CreateFails, StartFails string // the error's text; empty: succeeds

	Runs     time.Duration // exits by itself after this long; 0: never
	ExitCode int           // of an exit by itself
	OOM      bool          // that exit is the memory limit's doing, with code 137

	StopTakes time.Duration // from the stop signal to the exit
	StopCode  int           // exit code on the stop signal
	Stubborn  bool          // takes no notice of the stop signal: only the kill ends it

	Output []string // lines that a container prints when it starts

	// Then is how the container's next run behaves, should it be restarted; nil: as Script has its image behave by then.
	Then *Behaviour

	// Exec is what a further process in the container does. It returns the exit code, and soon after ctx ends: then the
	// process was killed. Nil: it ends with 0 at once.
	Exec      func(ctx context.Context, c Command) int
	ExecFails func(cmd []string) string // the error's text; empty: the process starts. Nil: all do

	Serves map[string]func(net.Conn) // who takes connections, by the address as Dial gives it; each closes its own

	CPU    float64 // cores that it uses
	Memory uint64  // bytes; 0: a MiB
	Writes int64   // bytes that it has written once it was started
}

// Script sets how containers of an image behave from now on. The image is named as the task definition names it.
func (m *Machine) Script(image string, b Behaviour) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.scripts[image] = b
}

// Exit ends a running container, as if its process had exited.
func (m *Machine) Exit(taskID, container string, code int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.tasks[taskID]; t != nil {
		if c := t.container(container); c != nil {
			m.exited(t, c, code, false)
		}
	}
}

// Lose ends a task as the death of its shim does: its containers are gone and their exit codes unknown.
func (m *Machine) Lose(taskID, reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tasks[taskID]
	if t == nil {
		return
	}
	t.lost, t.lostReason = true, reason
	for _, c := range t.containers {
		c.output.close()
		if c.status.State != engine.Stopped {
			c.status.State, c.status.PID, c.status.FinishedAt = engine.Stopped, 0, time.Now()
			close(c.stopped)
		}
	}
	t.changed()
}

// Reboot forgets every task, as a machine does that loses its power. Images stay.
func (m *Machine) Reboot() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id := range m.tasks {
		m.remove(id)
	}
}

// Running returns the containers that run, as "task/container", sorted.
func (m *Machine) Running() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var running []string
	for id, t := range m.tasks {
		for _, c := range t.containers {
			if c.status.State == engine.Running {
				running = append(running, id+"/"+c.status.Name)
			}
		}
	}
	slices.Sort(running)
	return running
}

// Tasks returns the ids of the tasks that the machine has, sorted.
func (m *Machine) Tasks() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.tasks))
}

// Starts returns how often each container was started in the machine's life, by "task/container".
func (m *Machine) Starts() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.started)
}

// Spec returns the specification that a container was created with.
func (m *Machine) Spec(taskID, container string) (engine.TaskSpec, engine.ContainerSpec, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.tasks[taskID]; t != nil {
		if c := t.container(container); c != nil {
			return t.spec, c.spec, true
		}
	}
	return engine.TaskSpec{}, engine.ContainerSpec{}, false
}

// port is one that nothing has. mu is held.
func (m *Machine) port() uint16 {
	m.ports++
	return uint16(20000 + m.ports%40000)
}

// uses says whether a task has a container of an image. mu is held.
func (m *Machine) uses(digest string) bool {
	for _, t := range m.tasks {
		if slices.ContainsFunc(t.containers, func(c *running) bool { return c.status.ImageDigest == digest }) {
			return true
		}
	}
	return false
}
