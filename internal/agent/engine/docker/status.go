package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// Inspect asks the daemon.
func (e *Engine) Inspect(ctx context.Context, id string) (engine.TaskStatus, error) {
	t, err := e.known(id)
	if err != nil {
		return engine.TaskStatus{}, err
	}
	if err := t.refresh(ctx); err != nil {
		return engine.TaskStatus{}, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.status(), nil
}

// Watch sends the task's states.
func (e *Engine) Watch(ctx context.Context, id string) (<-chan engine.TaskStatus, error) {
	t, err := e.known(id)
	if err != nil {
		return nil, err
	}
	states := make(chan engine.TaskStatus)
	e.going.Go(func() {
		defer close(states)
		for {
			t.mu.Lock()
			status, removed, changed := t.status(), t.removed, t.changed
			t.mu.Unlock()
			if removed {
				return
			}
			select {
			case states <- status:
			case <-changed:
				continue
			case <-ctx.Done():
				return
			case <-t.life.Done():
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			case <-t.life.Done():
				return
			}
		}
	})
	return states, nil
}

// status is the task as last heard of. The caller holds mu.
func (t *task) status() engine.TaskStatus {
	status := engine.TaskStatus{Task: t.id, Lost: t.lost != "", LostReason: t.lost}
	for _, b := range t.ordered() {
		c := b.seen
		if t.lost != "" && c.State != engine.Stopped {
			c.State, c.PID, c.FinishedAt = engine.Stopped, 0, t.boxGone(b)
		}
		status.Containers = append(status.Containers, c)
	}
	return status
}

func (t *task) boxGone(b *box) time.Time {
	if b.gone.IsZero() {
		b.gone = time.Now()
	}
	return b.gone
}

// refresh looks at all of the task's containers in Docker.
func (t *task) refresh(ctx context.Context) error {
	t.refreshing.Lock()
	defer t.refreshing.Unlock()
	found, err := t.list(ctx, t.id)
	if err != nil {
		return err
	}
	pauses, seen := map[string]container.Summary{}, map[string]container.InspectResponse{}
	for _, c := range found {
		name := c.Labels[labelContainer]
		switch c.Labels[labelRole] {
		case rolePause:
			pauses[name] = c
		case "":
			answer, err := t.inspect(ctx, c.ID)
			if errors.Is(err, engine.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			seen[name] = answer
		}
	}
	var strays []string
	t.change(func() {
		if t.removed {
			return
		}
		t.lost = t.lostBy(pauses)
		for _, b := range t.boxes {
			b.look(seen[b.record.Name], pauses[b.record.Name])
			if t.lost != "" && b.seen.State == engine.Running {
				strays = append(strays, b.record.ID)
			}
		}
	})
	t.connect(pauses)
	for _, id := range strays { // what they shared is gone
		_ = t.ask(ctx, askTime, "kill container", func(ctx context.Context) error {
			_, err := t.api.ContainerKill(ctx, id, client.ContainerKillOptions{Signal: "SIGKILL"})
			return err
		})
	}
	return nil
}

func (e *Engine) inspect(ctx context.Context, id string) (c container.InspectResponse, err error) {
	err = e.ask(ctx, askTime, "inspect container", func(ctx context.Context) error {
		answer, err := e.api.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
		c = answer.Container
		return err
	})
	return c, err
}

// lostBy says why the task is lost, if it is: its pause container has ended, or one of its containers'.
func (t *task) lostBy(pauses map[string]container.Summary) string {
	own, found := pauses[""]
	switch {
	case !found:
		return "The container that keeps the task's namespaces was removed from Docker behind the agent's back."
	case t.needsPause() && own.State == container.StateExited:
		return "The container that keeps the task's namespaces has ended: Docker, or the machine that it runs on, was restarted, or somebody stopped it."
	}
	for name, b := range t.boxes {
		if p, found := pauses[name]; b.record.Own && (!found || p.State == container.StateExited) && b.seen.State != engine.Stopped {
			return fmt.Sprintf("The container that keeps the namespaces of container %s has ended or was removed from Docker.", name)
		}
	}
	return ""
}

// box is one container of a task.
type box struct {
	*task
	record containerRecord
	seen   engine.ContainerStatus
	gone   time.Time // when it was found to be gone
	signal string    // its stop signal
	log    *logFollower
	stop   *stopping // a stop that is under way

	sampled container.StatsResponse // the last sample
}

func newBox(t *task, record containerRecord) *box {
	b := &box{task: t, record: record}
	b.seen = engine.ContainerStatus{Name: record.Name, RuntimeID: record.ID, ImageDigest: record.ImageDigest, State: engine.Created,
		CreatedAt: record.CreatedAt}
	b.log = newLogFollower(b)
	return b
}

// killed is the exit code of what SIGKILL ended.
const killed = 128 + 9

// look takes in what Docker says of the container and its pause container. The task's mu is held.
func (b *box) look(c container.InspectResponse, net container.Summary) {
	if c.State == nil { // removed behind the agent's back
		if b.seen.State != engine.Stopped {
			b.seen.State, b.seen.PID, b.seen.FinishedAt = engine.Stopped, 0, b.boxGone(b)
		}
		if b.seen.ExitCode == killed { // by whoever removed it: it would have ended otherwise, or not at all
			b.seen.ExitCode, b.seen.ExitKnown = 0, false
		}
		b.boxGone(b)
		b.log.rouse()
		return
	}
	s := &b.seen
	b.signal = c.Config.StopSignal
	s.StartedAt, s.FinishedAt = timeOf(c.State.StartedAt), timeOf(c.State.FinishedAt)
	s.Runs = b.record.Run
	if b.record.Run > 0 && !s.StartedAt.After(b.record.Before) {
		s.Runs-- // it was asked for, and has not begun
	}
	s.PID, s.ExitCode, s.ExitKnown, s.OOMKilled, s.Error = 0, 0, false, false, ""
	switch {
	case c.State.Running: // paused and restarting ones too
		s.State, s.PID, s.FinishedAt = engine.Running, c.State.Pid, time.Time{}
	case s.StartedAt.IsZero() && c.State.Error != "":
		s.State, s.Error = engine.Stopped, c.State.Error
	case s.StartedAt.IsZero():
		if s.State = engine.Created; b.record.Halted {
			s.State = engine.Stopped
		}
	default:
		s.State, s.ExitCode, s.ExitKnown, s.OOMKilled = engine.Stopped, c.State.ExitCode, true, c.State.OOMKilled
		if s.FinishedAt.Before(s.StartedAt) { // Docker notes a start when it hears of it
			s.FinishedAt = s.StartedAt
		}
		if s.Runs < b.record.Run && c.State.Error != "" {
			s.Error = c.State.Error
		}
	}
	if b.record.Own {
		if net.State == container.StateRunning { // what it had then is what is told of it
			s.Ports, s.Address = published(net), addressIn(net)
		}
	}
	b.log.rouse()
}

// published are the ports of a pause container on Docker's machine, in order.
func published(c container.Summary) (ports []engine.Port) {
	for _, p := range c.Ports {
		if p.PublicPort != 0 {
			ports = append(ports, engine.Port{Container: p.PrivatePort, Host: p.PublicPort, Protocol: p.Type, HostIP: p.IP})
		}
	}
	slices.SortFunc(ports, func(a, b engine.Port) int {
		return slices.Compare([]string{portKey(a)}, []string{portKey(b)})
	})
	return ports
}

func portKey(p engine.Port) string {
	return fmt.Sprintf("%05d/%s/%05d/%s", p.Container, p.Protocol, p.Host, strconv.Quote(p.HostIP.String()))
}

// timeOf reads a time of Docker, whose zero is that of the calendar.
func timeOf(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() < 1971 {
		return time.Time{}
	}
	return t
}
