package fake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// RestartContainer has a stopped container run again, as its image's script has it now or, when that says so, as the next
// run of the last one.
func (h *handle) RestartContainer(ctx context.Context, taskID, name string, run int) error {
	_, c, err := h.find(taskID, name)
	if err != nil {
		return err
	}
	next := h.script(c.spec.Image)
	if err := wait(ctx, next.StartTakes); err != nil {
		return err
	}
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	t := h.m.tasks[taskID]
	switch {
	case t == nil:
		return errNoTask
	case c.status.Runs >= run:
		return nil
	case c.ordered:
		return failure(engine.CannotStartContainer, "the container was told to stop")
	case !c.spec.Restarts:
		return failure(engine.CannotStartContainer, "the container was not created to be restarted")
	case c.status.State != engine.Stopped || c.status.Runs != run-1:
		return failure(engine.CannotStartContainer, fmt.Sprintf("run %d can't follow run %d, which is %s", run, c.status.Runs, c.status.State))
	}
	if c.script.Then != nil {
		next = *c.script.Then
	}
	c.script, c.stopped = next, make(chan struct{})
	return h.m.runs(t, c)
}

// runs begins a run of a container. The machine's lock is held.
func (m *Machine) runs(t *task, c *running) error {
	if c.script.StartFails != "" {
		c.status.State, c.status.FinishedAt = engine.Stopped, time.Now()
		c.status.Error = c.script.StartFails
		c.output.close()
		close(c.stopped)
		t.changed()
		return failure(engine.CannotStartContainer, c.status.Error)
	}
	m.runtimes++
	m.started[t.spec.Task+"/"+c.spec.Name]++
	c.status = engine.ContainerStatus{
		Name: c.status.Name, RuntimeID: c.status.RuntimeID, ImageDigest: c.status.ImageDigest, CreatedAt: c.status.CreatedAt,
		State: engine.Running, Runs: c.status.Runs + 1, PID: 1000 + m.runtimes, StartedAt: time.Now(),
	}
	if err := c.output.print(c.script.Output); err != nil {
		return &engine.Error{Kind: engine.CannotStartContainer, Err: errors.Join(errors.New("write the container's output"), err)}
	}
	if c.script.Runs > 0 {
		code := c.script.ExitCode
		if c.script.OOM {
			code = 137
		}
		m.exitAfter(c.script.Runs, t, c, code, c.script.OOM)
	}
	t.changed()
	return nil
}
