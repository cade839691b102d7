// Package task runs tasks: one goroutine owns each, takes it from its payload to its last report, and picks it up
// where an earlier agent left it. internal/agent makes the Runner; internal/agent/session hands it what the control
// plane wants.
//
// A task's life is a straight line through idempotent steps:
//
//	prepare   network, images and log streams at once; then the task and its containers are created
//	keep      start each container when what it waits for is so, look at the health of those that run, restart what is to
//	          go on; until an essential container ends, the task is to stop, or it is lost (upkeep)
//	end       stop what runs, in reverse; give the network back; report STOPPED
//	remove    once that is acknowledged and all output is shipped: nothing is left
//
// Nothing is remembered of the way that the engine can tell. After a crash the goroutine walks the same line again,
// and each step looks at what is there before it adds what is missing.
package task

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/agent/db"
)

// endedFor is how long a task is remembered of which nothing is left: a payload that was on its way does not run it again.
const endedFor = time.Hour

// Runner runs the tasks of one machine, whichever identities they were given to. Its methods may be called at the same time.
type Runner struct {
	Config
	life   context.Context
	outbox *outbox
	wg     sync.WaitGroup
	// engineBridges says that the engine makes the networks of containers in network mode bridge.
	engineBridges bool

	mu          sync.Mutex
	tasks       map[string]*task
	attachments map[string]Attachment
	ended       map[string]time.Time
}

// Start adopts what an earlier agent left and runs tasks until ctx ends; Wait waits for that. When it returns, every
// task that the database knows is on its way, and what the database does not know is removed from the machine.
func Start(ctx context.Context, cfg Config) (*Runner, error) {
	if cfg.StopTimeout = cmp.Or(cfg.StopTimeout, 30*time.Second); cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	r := &Runner{Config: cfg, life: ctx, outbox: newOutbox(ctx, cfg.Submit, cfg.DB, cfg.Log),
		tasks: map[string]*task{}, attachments: map[string]Attachment{}}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of tasks: %w", err)
	}
	info, err := cfg.Engine.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask the engine what it can do: %w", err)
	}
	r.engineBridges = info.Bridges
	if r.ended, err = cfg.DB.Ended(); err != nil {
		return nil, err
	}
	tasks, err := r.recall()
	if err != nil {
		return nil, err
	}
	if err := r.removeUnknown(ctx, tasks); err != nil {
		return nil, fmt.Errorf("remove what belongs to no task: %w", err)
	}
	for _, t := range tasks {
		r.tasks[t.id] = t
	}
	for _, t := range tasks {
		r.begin(t)
	}
	return r, nil
}

// Wait returns once Start's ctx has ended and so has every goroutine.
func (r *Runner) Wait() {
	<-r.life.Done()
	r.wg.Wait()
	r.outbox.wg.Wait()
}

// Apply takes over what a payload says: tasks that are new, and tasks that are to stop. The identity, which has seen the
// payload, becomes durable with it. When it returns without error all of that is on disk, and may be acknowledged.
func (r *Runner) Apply(ctx context.Context, identity db.Identity, assigned []Assignment) error {
	var b db.Batch
	b.PutIdentity(identity)
	var fresh, stops []*task
	r.mu.Lock()
	for _, a := range stopsFirst(assigned) {
		t, known := r.tasks[a.ID]
		_, over := r.ended[a.ID]
		stop := a.Stop() || over // the end of a task that has ended is told again
		if !known {
			t = r.newTask(a, identity.Name)
			r.tasks[a.ID] = t
			fresh = append(fresh, t)
		}
		if stop {
			stops = append(stops, t)
		}
		if !known || stop && !t.isStopping() && !t.over.Load() { // one that is over is about to be deleted there
			b.PutTask(t.stored(stop))
		}
	}
	r.mu.Unlock()
	if err := r.DB.Write(ctx, b); err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, t := range fresh {
			delete(r.tasks, t.id)
		}
		return err
	}
	for _, t := range stops {
		t.askToStop()
	}
	for _, t := range fresh {
		r.begin(t)
	}
	return nil
}

// Stop has tasks stop. When it returns without error that is on disk. Unknown ones have stopped already.
func (r *Runner) Stop(ctx context.Context, arns []string) error {
	var b db.Batch
	var stops []*task
	r.mu.Lock()
	for _, arn := range arns {
		id, err := ID(arn)
		if t := r.tasks[id]; err == nil && t != nil && !t.over.Load() {
			stops = append(stops, t)
			b.PutTask(t.stored(true))
		}
	}
	r.mu.Unlock()
	if err := r.DB.Write(ctx, b); err != nil {
		return err
	}
	for _, t := range stops {
		t.askToStop()
	}
	return nil
}

// Live returns the ARNs of an identity's tasks that run or are to run, sorted.
func (r *Runner) Live(identity string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var live []string
	for _, t := range r.tasks {
		if t.identity == identity && !t.isStopping() && !t.over.Load() {
			live = append(live, t.payload.Arn)
		}
	}
	slices.Sort(live)
	return live
}

// goingOn returns the tasks of an identity whose end is not on disk; an empty name is every identity's.
func (r *Runner) goingOn(identity string) []*task {
	r.mu.Lock()
	defer r.mu.Unlock()
	var tasks []*task
	for _, t := range r.tasks {
		if (identity == "" || t.identity == identity) && !t.over.Load() {
			tasks = append(tasks, t)
		}
	}
	return tasks
}

// Left is how many tasks something is left of.
func (r *Runner) Left() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.tasks)
}

// Has says whether a task is here.
func (r *Runner) Has(arn string) bool {
	id, err := ID(arn)
	return err == nil && r.HasID(id)
}

// HasID says whether a task of that id is here.
func (r *Runner) HasID(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tasks[id] != nil
}

// Attachments returns an identity's network interfaces that stand, ordered by task.
func (r *Runner) Attachments(identity string) []Attachment {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []Attachment
	for _, a := range r.attachments {
		if a.Identity == identity {
			found = append(found, a)
		}
	}
	slices.SortFunc(found, func(a, b Attachment) int { return cmp.Compare(a.TaskARN, b.TaskARN) })
	return found
}

// Hurry has reports that wait for the control plane go out now: it is there again.
func (r *Runner) Hurry() { r.outbox.hurry() }

// attached keeps and tells that a task's network stands.
func (r *Runner) attached(id string, a Attachment) {
	r.mu.Lock()
	r.attachments[id] = a
	r.mu.Unlock()
	if r.Attached != nil {
		r.Attached(a)
	}
}

// stopsFirst orders a payload's tasks: what ends makes room for what begins.
func stopsFirst(assigned []Assignment) []Assignment {
	return slices.SortedStableFunc(slices.Values(assigned), func(a, b Assignment) int {
		return cmp.Compare(rank(a), rank(b))
	})
}

func rank(a Assignment) int {
	if a.Stop() {
		return 0
	}
	return 1
}

// newTask makes a task, which has yet to begin.
func (r *Runner) newTask(a Assignment, identity string) *task {
	awaitRouter(a.Task.Containers)
	return &task{Runner: r, id: a.ID, identity: identity, payload: a.Task, raw: a.Payload, broken: a.Broken, log: r.Log.With("task", a.ID),
		stop: make(chan struct{}), acknowledged: make(chan struct{}), progress: db.Progress{ID: a.ID}}
}

// begin lets a task's goroutine go.
func (r *Runner) begin(t *task) {
	if r.life.Err() == nil {
		r.wg.Go(func() { t.run(r.life) })
	}
}

// forget removes a task of which nothing is left from memory and disk, and from disk others that ended long ago.
func (r *Runner) forget(ctx context.Context, t *task) {
	now := time.Now()
	var b db.Batch
	b.DeleteTask(t.id)
	b.PutEnded(t.id, now)
	r.mu.Lock()
	r.ended[t.id] = now
	for id, at := range r.ended {
		if now.Sub(at) > endedFor {
			b.DeleteEnded(id)
			delete(r.ended, id)
		}
	}
	r.mu.Unlock()
	if t.until(ctx, "be forgotten", func(ctx context.Context) error { return r.DB.Write(ctx, b) }) != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.tasks, t.id)
	delete(r.attachments, t.id)
	r.Keyring.Forget(t.id)
}
