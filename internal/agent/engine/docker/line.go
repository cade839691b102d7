package docker

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/docker/carrier"
	"github.com/berth-dev/berth/internal/agent/retry"
)

// line is what this agent has to a pause container: a session over its standard input and output, begun again whenever it
// breaks off.
type line struct {
	*task
	container string // the pause container's name
	bridged   bool   // its namespace is on Docker's bridge

	life context.Context // the task's, or until the pause container has ended
	end  context.CancelFunc

	mu      sync.Mutex // guards what follows
	inlet   *carrier.Inlet
	address string        // of the namespace's listener; empty until the Outlet has told it
	told    bool          // of the load balancers that there are
	changed chan struct{} // closed and replaced when they change
}

// connect keeps lines to the pause containers that run. It is called after each look at them.
func (t *task) connect(pauses map[string]container.Summary) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.removed || t.life.Err() != nil {
		return
	}
	for name, p := range pauses {
		l := t.lines[name]
		switch {
		case p.State == container.StateRunning && l == nil:
			l = &line{task: t, container: t.pauseOf(t.id, name), bridged: name != "", changed: make(chan struct{})}
			l.life, l.end = context.WithCancel(t.life)
			t.lines[name] = l
			t.work.Go(l.keep)
		case p.State == container.StateExited && l != nil:
			l.end()
		}
	}
}

// keep attaches, again and again.
func (l *line) keep() {
	for wait := firstWait; l.life.Err() == nil; {
		began := time.Now()
		err := l.attach()
		if l.life.Err() != nil {
			return
		}
		l.config.Log.Debug("the line to a task's namespace broke off", "task", l.id, "container", l.container, "error", err)
		if time.Since(began) > lastWait {
			wait = firstWait
		}
		retry.Pause(l.life, wait)
		wait = min(2*wait, lastWait)
	}
}

// attach holds one session.
func (l *line) attach() error {
	bounded, cancel := context.WithTimeout(l.life, askTime)
	defer cancel()
	attached, err := l.api.ContainerAttach(bounded, l.container, client.ContainerAttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		return err
	}
	defer attached.Close()
	defer context.AfterFunc(l.life, attached.Close)()
	r, w := io.Pipe()
	defer r.Close()
	said := &tail{}
	l.work.Go(func() {
		_, err := stdcopy.StdCopy(w, said, attached.Reader)
		w.CloseWithError(err)
	})
	inlet, err := carrier.Attach(attached.Conn, r)
	if err != nil {
		return fmt.Errorf("%w %s", err, said)
	}
	defer inlet.Close()
	l.change(func() { l.inlet = inlet })
	defer l.change(func() { l.inlet, l.address = nil, "" })
	if l.record.Spec.Listen != "" {
		l.work.Go(func() { l.offer(inlet) })
	}
	if l.bridged {
		ended := make(chan struct{})
		defer close(ended)
		l.work.Go(func() { l.guided(inlet, ended) })
	}
	return inlet.Serve(carrier.Handler{
		Conn:     func(o carrier.Offer) { l.accept.offer(o) },
		DNS:      l.answerDNS,
		Question: l.answerQuestion,
	})
}

func (l *line) change(do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	do()
	close(l.changed)
	l.changed = make(chan struct{})
}

// offer has the namespace's connections taken while somebody accepts them.
func (l *line) offer(inlet *carrier.Inlet) {
	for {
		if !l.accept.await(l.life) {
			return
		}
		address, stop, err := inlet.Listen()
		if err != nil {
			return
		}
		l.change(func() { l.address = address })
		l.accept.idle(l.life)
		if stop() != nil {
			return
		}
	}
}

// ready waits for a session.
func (l *line) ready(ctx context.Context) (*carrier.Inlet, error) {
	for {
		l.mu.Lock()
		inlet, changed := l.inlet, l.changed
		l.mu.Unlock()
		if inlet != nil {
			return inlet, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-l.life.Done():
			return nil, fmt.Errorf("what keeps the namespaces of task %s does not run: %w", l.id, engine.ErrNotFound)
		}
	}
}

// Dial connects from inside a container's network namespace.
func (e *Engine) Dial(ctx context.Context, id, name, address string) (net.Conn, error) {
	b, err := e.find(id, name)
	if err != nil {
		return nil, err
	}
	l, err := b.lineTo(ctx)
	if err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	inlet, err := l.ready(bounded)
	if err != nil && ctx.Err() == nil && bounded.Err() != nil {
		return nil, fmt.Errorf("reach container %s: Docker does not attach: %w", name, engine.ErrUnavailable)
	}
	if err != nil {
		return nil, err
	}
	conn, err := inlet.Dial(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("dial %s in container %s: %w", address, name, err)
	}
	return conn, nil
}

// lineTo returns the line into the network namespace of a container.
func (b *box) lineTo(ctx context.Context) (*line, error) {
	name := ""
	if b.record.Own {
		name = b.record.Name
	}
	if name == "" && !b.needsPause() { // it is on the host's network, where nothing is to be kept: until somebody dials
		if err := b.startPause(ctx, b.pauseOf(b.id, "")); err != nil {
			return nil, err
		}
		if err := b.refresh(ctx); err != nil {
			return nil, err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.lines[name]; l != nil && b.seen.State == engine.Running {
		return l, nil
	}
	return nil, fmt.Errorf("container %s of task %s does not run: %w", b.record.Name, b.id, engine.ErrNotFound)
}

// tail keeps the end of what a pause container says on its standard error.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const maxTail = 1024

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-maxTail):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
