package task

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/db"
	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/retry"
)

// task is one task. Its goroutine alone calls the engine for it and writes its progress; others send to it: stop is
// closed when it is to stop, acknowledged when its last report has arrived.
type task struct {
	*Runner
	id       string
	identity string
	payload  acs.Task
	raw      jsontext.Value // the payload as it is kept on disk
	broken   error          // why the payload cannot be read; nil when it can
	log      *slog.Logger

	stop         chan struct{}
	stopping     sync.Once
	acknowledged chan struct{}
	over         atomic.Bool // its end is on disk

	secrets  secretValues
	progress db.Progress
	attached bool   // its network stands: known in this agent's life
	endpoint string // URL of its own listener, empty when it has none
	token    string // see makeToken; empty: the task's id

	mu      sync.Mutex // guards what the metadata endpoint reads
	seen    engine.TaskStatus
	own     map[string]*ownNetwork // of its containers, by name, once they stand
	images  map[string]string      // references of containers' images that were pinned, by the containers' names
	pulls   struct{ started, stopped time.Time }
	storage int64             // bytes that it takes, as last measured
	paths   map[string]string // of the engine's volumes, once they were asked for
}

// errStopping ends what a task is about when it is to stop.
var errStopping = errors.New("the task is to stop")

// askToStop has the task stop. It may be called often.
func (t *task) askToStop() { t.stopping.Do(func() { close(t.stop) }) }

// stored is the task as it is kept on disk.
func (t *task) stored(stop bool) db.Task {
	return db.Task{ID: t.id, ARN: t.payload.Arn, Identity: t.identity, Payload: t.raw, Stop: stop}
}

func (t *task) isStopping() bool {
	select {
	case <-t.stop:
		return true
	default:
		return false
	}
}

// untilStop is a context that ends, with errStopping, when the task is to stop.
func (t *task) untilStop(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		select {
		case <-t.stop:
			cancel(errStopping)
		case <-ctx.Done():
		}
		close(done)
	}()
	return ctx, func() { cancel(context.Canceled); <-done }
}

// run takes the task from wherever it is to its end. It returns when nothing is left of the task, or when ctx ends:
// then the task stays as it is, for the next agent.
func (t *task) run(ctx context.Context) {
	if !t.progress.Stopped {
		t.live(ctx)
		t.end(ctx)
	}
	if t.progress.Stopped {
		t.over.Store(true)
		t.remove(ctx)
	}
}

// live starts what is to run and returns when the task is to stop, has failed, or cannot go on.
func (t *task) live(ctx context.Context) {
	if t.progress.Failed != "" {
		return
	}
	up, cancel := t.untilStop(ctx)
	defer cancel()
	err := t.carry(up)
	var failed *failure
	if !errors.As(err, &failed) {
		return
	}
	t.progress.Failed = failed.reason
	t.log.Info("task fails", "reason", failed.reason)
	if t.fails() { // what is about to be stopped would tell the next agent another story
		_ = t.save(ctx)
	}
}

// failure ends a task. A reason of its own goes into the report; without one its containers' reasons tell.
type failure struct{ reason string }

func (f *failure) Error() string { return "task failed: " + f.reason }

// fails says that the task ends for a reason that the engine can't tell.
func (t *task) fails() bool {
	for _, c := range t.progress.Containers {
		if c.Failed != "" || c.Unrestarted != "" {
			return true
		}
	}
	return t.progress.Failed != ""
}

// errEssential ends a task one of whose essential containers has stopped or cannot run.
var errEssential = &failure{}

// until retries f, with backoff, until it succeeds or ctx ends: what f does has to happen, whatever stands in its way.
func (t *task) until(ctx context.Context, what string, f func(ctx context.Context) error) error {
	for wait := backoff(100*time.Millisecond, 30*time.Second); ; {
		err := f(ctx)
		if err == nil || ctx.Err() != nil {
			return context.Cause(ctx)
		}
		t.log.Error("task cannot "+what+"; trying again", "error", err)
		if !retry.Pause(ctx, wait()) {
			return context.Cause(ctx)
		}
	}
}

// backoff returns growing waits: from first, doubling to most, each up to a fifth longer or shorter.
func backoff(first, most time.Duration) func() time.Duration {
	next := first
	return func() time.Duration {
		d := next
		next = min(2*next, most)
		return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
	}
}

// save makes the progress durable, with what else belongs to the same step.
func (t *task) save(ctx context.Context, more ...func(*db.Batch)) error {
	return t.saving(ctx, more...)()
}

// saving begins to save and returns what waits for its end.
func (t *task) saving(ctx context.Context, more ...func(*db.Batch)) func() error {
	var b db.Batch
	b.PutProgress(t.progress)
	for _, add := range more {
		add(&b)
	}
	done := make(chan error, 1)
	go func() {
		done <- t.until(ctx, "record its progress", func(ctx context.Context) error { return t.DB.Write(ctx, b) })
	}()
	return func() error { return <-done }
}

// cluster is the name of the task's cluster.
func (t *task) cluster() string {
	arn := t.payload.TaskClusterArn
	return arn[strings.LastIndexByte(arn, '/')+1:]
}

// metadataID names a container in the path of its metadata endpoint, the same in every agent's life.
func (t *task) metadataID(container string) string {
	for i := range t.payload.Containers {
		if t.payload.Containers[i].Name == container {
			return fmt.Sprintf("%s-%d", cmp.Or(t.token, t.id), i)
		}
	}
	return t.id
}

// observe keeps the engine's latest word for those who ask about the task.
func (t *task) observe(s engine.TaskStatus) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen = s
	t.pulls.started, t.pulls.stopped = t.progress.PullStartedAt, t.progress.PullStoppedAt
}
