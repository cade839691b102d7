package fake

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// Engine returns an engine on the machine.
func (m *Machine) Engine() engine.Engine { return &handle{m: m, closed: make(chan struct{})} }

// handle is one agent's engine. All state is the machine's, but for the further processes that the agent has started.
type handle struct {
	m      *Machine
	closed chan struct{}
	once   sync.Once
}

var errNoTask = fmt.Errorf("task: %w", engine.ErrNotFound)

// wait takes its time, as the script has it, and tells whether ctx has ended.
func wait(ctx context.Context, takes time.Duration) error {
	if takes > 0 {
		timer := time.NewTimer(takes)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return context.Cause(ctx)
}

func (h *handle) script(image string) Behaviour {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	return h.m.scripts[image]
}

func (h *handle) Info(ctx context.Context) (engine.Info, error) {
	if err := context.Cause(ctx); err != nil {
		return engine.Info{}, err
	}
	info := engine.Info{Name: "fake", Version: "1", CPUs: runtime.NumCPU(), Memory: machineMemory}
	for v := 17; v <= 44; v++ {
		info.Capabilities = append(info.Capabilities, fmt.Sprintf("com.amazonaws.ecs.capability.docker-remote-api.1.%d", v))
	}
	return info, nil
}

func (h *handle) CreateTask(ctx context.Context, spec engine.TaskSpec) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if t := h.m.tasks[spec.Task]; t != nil && t.lost && len(t.containers) == 0 {
		h.m.remove(spec.Task)
	} else if t != nil {
		return nil
	}
	t := &task{spec: spec, watchers: map[chan engine.TaskStatus]struct{}{}}
	if spec.Listen != "" {
		addr, err := netip.ParseAddrPort(spec.Listen)
		if err != nil {
			return &engine.Error{Kind: engine.ResourceInit, Err: err}
		}
		if addr.Port() == 0 {
			addr = netip.AddrPortFrom(addr.Addr(), h.m.port())
		}
		t.listener = newBacklog(net.TCPAddrFromAddrPort(addr))
	}
	h.m.tasks[spec.Task] = t
	return nil
}

func (h *handle) CreateContainer(ctx context.Context, taskID string, spec engine.ContainerSpec) error {
	script := h.script(spec.Image)
	if err := wait(ctx, script.CreateTakes); err != nil {
		return err
	}
	if script.CreateFails != "" {
		return failure(engine.CannotCreateContainer, script.CreateFails)
	}
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	t := h.m.tasks[taskID]
	if t == nil {
		return errNoTask
	}
	if t.container(spec.Name) != nil {
		return nil
	}
	image, ok := h.m.images[normalise(spec.Image)]
	if !ok {
		return &engine.Error{Kind: engine.CannotCreateContainer, Err: fmt.Errorf("no such image: %s: %w", spec.Image, engine.ErrNotFound)}
	}
	output, err := openOutput(spec.Log)
	if err != nil {
		return &engine.Error{Kind: engine.CannotCreateContainer, Err: err}
	}
	t.containers = append(t.containers, &running{spec: spec, script: script, output: output, stopped: make(chan struct{}), listeners: map[string]listening{},
		status: engine.ContainerStatus{Name: spec.Name, RuntimeID: runtimeID(taskID, spec.Name), ImageDigest: image.Digest,
			State: engine.Created, CreatedAt: time.Now()}})
	t.changed()
	return nil
}

func (h *handle) StartContainer(ctx context.Context, taskID, name string) error {
	_, c, err := h.find(taskID, name)
	if err != nil {
		return err
	}
	if err := wait(ctx, c.script.StartTakes); err != nil {
		return err
	}
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	t := h.m.tasks[taskID]
	switch {
	case t == nil:
		return errNoTask
	case c.status.Error != "":
		return failure(engine.CannotStartContainer, c.status.Error)
	case c.status.State != engine.Created:
		return nil
	case c.ordered:
		return failure(engine.CannotStartContainer, "the container was told to stop")
	}
	return h.m.runs(t, c)
}

func (h *handle) StopContainer(ctx context.Context, taskID, name string, grace time.Duration) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	t, c, err := h.find(taskID, name)
	if err != nil {
		return err
	}
	h.m.mu.Lock()
	c.ordered = true
	if at := time.Now().Add(grace); c.status.State == engine.Running && (c.kill == nil || at.Before(c.killAt)) {
		if c.kill == nil && !c.script.Stubborn {
			h.m.exitAfter(c.script.StopTakes, t, c, c.script.StopCode, false)
		}
		if c.kill != nil {
			c.kill.Stop()
		}
		c.kill, c.killAt = h.m.exitAfter(grace, t, c, 137, false), at
	}
	state, ended := c.status.State, c.stopped
	h.m.mu.Unlock()
	if state != engine.Running {
		c.output.close()
		return nil
	}
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (h *handle) find(taskID, name string) (*task, *running, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	t := h.m.tasks[taskID]
	if t == nil {
		return nil, nil, errNoTask
	}
	c := t.container(name)
	if c == nil {
		return nil, nil, fmt.Errorf("container %s: %w", name, engine.ErrNotFound)
	}
	return t, c, nil
}

func (h *handle) Inspect(ctx context.Context, taskID string) (engine.TaskStatus, error) {
	if err := context.Cause(ctx); err != nil {
		return engine.TaskStatus{}, err
	}
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if t := h.m.tasks[taskID]; t != nil {
		return t.status(), nil
	}
	return engine.TaskStatus{}, errNoTask
}

func (h *handle) Watch(ctx context.Context, taskID string) (<-chan engine.TaskStatus, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	t := h.m.tasks[taskID]
	if t == nil {
		return nil, errNoTask
	}
	w := make(chan engine.TaskStatus, 1)
	w <- t.status()
	t.watchers[w] = struct{}{}
	context.AfterFunc(ctx, func() {
		h.m.mu.Lock()
		defer h.m.mu.Unlock()
		if _, ok := t.watchers[w]; ok {
			delete(t.watchers, w)
			close(w)
		}
	})
	return w, nil
}

func (h *handle) Listener(ctx context.Context, taskID string) (net.Listener, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	t := h.m.tasks[taskID]
	if t == nil || t.listener == nil {
		return nil, errNoTask
	}
	return &listener{backlog: t.listener, closed: make(chan struct{})}, nil
}

func (h *handle) RemoveTask(ctx context.Context, taskID string) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if t := h.m.tasks[taskID]; t != nil {
		for _, c := range t.containers {
			if c.spec.Log.Dir != "" {
				if err := os.RemoveAll(c.spec.Log.Dir); err != nil {
					return err
				}
			}
		}
	}
	h.m.remove(taskID)
	return nil
}

func (h *handle) Tasks(ctx context.Context) ([]string, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	return slices.Sorted(maps.Keys(h.m.tasks)), nil
}

func (h *handle) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

func failure(kind engine.Kind, text string) error {
	return &engine.Error{Kind: kind, Err: fmt.Errorf("%s", text)}
}
