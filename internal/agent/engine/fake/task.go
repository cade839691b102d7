package fake

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// task is a task on the machine. The machine's lock guards it.
type task struct {
	spec       engine.TaskSpec
	lost       bool
	lostReason string
	containers []*running
	listener   *backlog
	watchers   map[chan engine.TaskStatus]struct{}
}

// running is a container on the machine.
type running struct {
	spec    engine.ContainerSpec
	status  engine.ContainerStatus
	script  Behaviour
	output  *output
	stopped chan struct{} // closed when its run has ended
	ordered bool          // a stop was asked for
	kill    *time.Timer   // set once one was asked for while it ran
	killAt  time.Time

	listeners map[string]listening // further processes that listen
	burnt     time.Duration        // the processors' time that further processes took
	sampled   container.StatsResponse
}

func (t *task) container(name string) *running {
	for _, c := range t.containers {
		if c.status.Name == name {
			return c
		}
	}
	return nil
}

func (t *task) status() engine.TaskStatus {
	s := engine.TaskStatus{Task: t.spec.Task, Lost: t.lost, LostReason: t.lostReason}
	for _, c := range t.containers {
		s.Containers = append(s.Containers, c.status)
	}
	return s
}

// changed tells the watchers, each of which holds the latest state only.
func (t *task) changed() {
	s := t.status()
	for w := range t.watchers {
		select {
		case <-w:
		default:
		}
		w <- s
	}
}

// exited ends a container that runs.
func (m *Machine) exited(t *task, c *running, code int, oom bool) {
	if c.status.State != engine.Running {
		return
	}
	c.status.State, c.status.PID, c.status.FinishedAt = engine.Stopped, 0, time.Now()
	c.status.ExitCode, c.status.ExitKnown, c.status.OOMKilled = code, true, oom
	if c.ordered || !c.spec.Restarts {
		c.output.close()
	}
	close(c.stopped)
	t.changed()
	if m.ended != nil {
		go m.ended(t.spec.Task)
	}
}

// exitAfter ends this run of a container later, unless it has ended by then.
func (m *Machine) exitAfter(d time.Duration, t *task, c *running, code int, oom bool) *time.Timer {
	run := c.status.Runs
	return time.AfterFunc(d, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if c.status.Runs == run {
			m.exited(t, c, code, oom)
		}
	})
}

// remove forgets a task, with what runs in it. Its watchers see the end and no exit.
func (m *Machine) remove(id string) {
	t := m.tasks[id]
	if t == nil {
		return
	}
	delete(m.tasks, id)
	maps.DeleteFunc(m.volumes, func(_ string, v engine.Volume) bool { return v.Task == id })
	for w := range t.watchers {
		close(w)
	}
	t.watchers = nil
	for _, c := range t.containers {
		m.exited(t, c, 137, false)
		c.output.close()
	}
	if t.listener != nil {
		t.listener.end()
	}
}

// runtimeID is derived from task and name, as the native engine's.
func runtimeID(task, container string) string {
	sum := sha256.Sum256([]byte(task + "/" + container))
	return hex.EncodeToString(sum[:])
}
