package sim

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/agent/db"
	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/task"
)

// submitting is how many reports of one agent are on their way at the same time.
const submitting = 4

// tasks are the tasks of one hollow agent: what task.Runner is to a real one. A goroutine works on a task only while
// something is to be done for it; what wakes it is an order, the end of a container, or the control plane's return.
type tasks struct {
	agent  *Agent
	engine engine.Engine
	slots  chan struct{}

	mu     sync.Mutex
	life   context.Context // of the agent's process
	submit func(ctx context.Context, change *ecs.SubmitTaskStateChangeRequest) error
	work   sync.WaitGroup
	all    map[string]*hollow
	ended  map[string]bool // ids of tasks of which nothing is left: they don't run again
	retry  chan struct{}   // closed and replaced when the control plane is there again
}

// hollow is one task.
type hollow struct {
	id, arn     string
	containers  []container
	attachments []string // ARNs

	stop, busy, again bool   // ordered to stop; worked on; to be looked at once more
	created           bool   // the engine has had it: when it is gone there, it has ended
	told              string // the status last reported
}

// container is what a hollow agent keeps of a container.
type container struct {
	name, image string
	essential   bool
}

func newTasks(a *Agent) *tasks {
	return &tasks{agent: a, engine: a.Machine.Engine(), slots: make(chan struct{}, submitting),
		all: map[string]*hollow{}, ended: map[string]bool{}, retry: make(chan struct{})}
}

// begin begins a life of the agent's process. What the one before left is taken up.
func (t *tasks) begin(ctx context.Context, submit func(context.Context, *ecs.SubmitTaskStateChangeRequest) error) {
	t.mu.Lock()
	t.life, t.submit = ctx, submit
	left := make([]string, 0, len(t.all))
	for id := range t.all {
		left = append(left, id)
	}
	t.mu.Unlock()
	for _, id := range left {
		t.wake(id)
	}
}

// wait returns once nothing is worked on any more. The life has ended.
func (t *tasks) wait() {
	t.mu.Lock()
	work := &t.work // whoever has seen the life go on has begun by now
	t.mu.Unlock()
	work.Wait()
}

// Apply takes over what a payload says.
func (t *tasks) Apply(ctx context.Context, identity db.Identity, assigned []task.Assignment) error {
	if err := t.agent.known.PutIdentity(ctx, identity); err != nil {
		return err
	}
	for _, a := range assigned {
		t.mu.Lock()
		h := t.all[a.ID]
		if h == nil {
			h = hollowOf(a)
			h.stop = t.ended[a.ID] // the end of a task that has ended is told again
			t.all[a.ID] = h
		}
		h.stop = h.stop || a.Stop()
		t.mu.Unlock()
		t.wake(a.ID)
	}
	return nil
}

func hollowOf(a task.Assignment) *hollow {
	h := &hollow{id: a.ID, arn: a.Task.Arn}
	for _, c := range a.Task.Containers {
		h.containers = append(h.containers, container{c.Name, c.Image, c.Essential})
	}
	for _, eni := range a.Task.ElasticNetworkInterfaces {
		h.attachments = append(h.attachments, eni.AttachmentArn)
	}
	return h
}

// Stop has tasks stop.
func (t *tasks) Stop(_ context.Context, arns []string) error {
	for _, arn := range arns {
		id, err := task.ID(arn)
		if err != nil {
			continue
		}
		t.mu.Lock()
		if h := t.all[id]; h != nil {
			h.stop = true
		}
		t.mu.Unlock()
		t.wake(id)
	}
	return nil
}

// Live returns the ARNs of the tasks that run or are to run. The control plane asks once it has recorded the session.
func (t *tasks) Live(string) []string {
	t.agent.hasJoined()
	t.mu.Lock()
	defer t.mu.Unlock()
	var live []string
	for _, h := range t.all {
		if !h.stop {
			live = append(live, h.arn)
		}
	}
	slices.Sort(live)
	return live
}

// Attachments are none: no host reaches into a container that does not exist.
func (t *tasks) Attachments(string) []task.Attachment { return nil }

// Has says whether a task is here.
func (t *tasks) Has(arn string) bool {
	id, _ := task.ID(arn)
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all[id] != nil
}

// Hurry has reports that wait for the control plane go out now.
func (t *tasks) Hurry() {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.retry)
	t.retry = make(chan struct{})
}

// wake has a task looked at, now or once more.
func (t *tasks) wake(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.all[id]
	switch {
	case h == nil || t.life == nil || t.life.Err() != nil:
	case h.busy:
		h.again = true
	default:
		h.busy = true
		ctx := t.life
		t.work.Go(func() { t.tend(ctx, h) })
	}
}

// tend does for a task what is to be done, until nothing is.
func (t *tasks) tend(ctx context.Context, h *hollow) {
	for {
		t.mu.Lock()
		stop := h.stop
		h.again = false
		t.mu.Unlock()
		gone := t.step(ctx, h, stop)
		t.mu.Lock()
		if gone {
			delete(t.all, h.id)
			t.ended[h.id] = true
		}
		if gone || !h.again || ctx.Err() != nil {
			h.busy = false
			t.mu.Unlock()
			return
		}
		t.mu.Unlock()
	}
}

// send reports a change until it is taken, rejected, or the agent's life ends; false says the last.
func (t *tasks) send(ctx context.Context, change *ecs.SubmitTaskStateChangeRequest) bool {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		t.mu.Lock()
		submit, retry := t.submit, t.retry
		t.mu.Unlock()
		select {
		case t.slots <- struct{}{}:
		case <-ctx.Done():
			return false
		}
		err := submit(ctx, change)
		<-t.slots
		switch {
		case err == nil:
			if told := t.agent.fleet.Reported; told != nil {
				told(change.Task, change.Status)
			}
			return true
		case ctx.Err() != nil:
			return false
		case errors.Is(err, task.ErrRejected):
			t.agent.fleet.Log.Warn("the control plane does not take a report", "agent", t.agent.Name, "task", change.Task, "error", err)
			return true
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-retry:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}
