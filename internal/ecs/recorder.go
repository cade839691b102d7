package ecs

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/berth-dev/berth/internal/ecs/history"
	"github.com/berth-dev/berth/internal/store"
)

// recorder writes the state changes of tasks and container instances to the history's journal, from which they are read as events.
// It runs on the leader and follows the tables: what they merge while it is not there, or behind, is one change. In the journal
// stands up to which revision it has read; a new one goes on from there.
type recorder struct {
	service *Service
	history history.History // nil when there is none: then nothing is recorded
	ended   *endings        // is told of the tasks that have stopped

	pending  [][]byte
	marks    history.Marks
	dirty    bool         // there is something to write: changes, or marks alone
	recorded atomic.Int64 // up to which revision the changes of tasks are in the journal
}

// The names of the marks.
const (
	taskMark     = "tasks"
	instanceMark = "instances"
)

const (
	// flushEvery is how long a change waits for others to be written with it, and flushAt how many do at most.
	flushEvery = 20 * time.Millisecond
	flushAt    = 1024
)

// run records until ctx ends.
func (r *recorder) run(ctx context.Context) {
	var marks history.Marks
	if r.history != nil {
		var err error
		if marks, err = r.history.Marks(ctx); err != nil {
			r.service.log.Error("no state change is recorded: the history can't be read", "error", err)
			return
		}
	}
	tasks, taskEvents := r.service.Tasks.Watch(ctx)
	instances, instanceEvents := r.service.Instances.Watch(ctx)
	r.resume(marks, tasks, instances)
	flush := time.NewTimer(flushEvery)
	defer flush.Stop()
	for {
		wasDirty := r.dirty
		select {
		case e, ok := <-taskEvents:
			if !ok {
				return
			}
			r.task(e)
		case e, ok := <-instanceEvents:
			if !ok {
				return
			}
			r.instance(e)
		case <-flush.C:
			r.flush(ctx)
		case <-ctx.Done():
			return
		}
		switch {
		case len(r.pending) >= flushAt:
			r.flush(ctx)
		case r.dirty && !wasDirty:
			flush.Reset(flushEvery)
		}
	}
}

// resume takes up what has changed since the marks. A history without marks begins with all that is there, and so does one that is
// ahead of the state, which then is another one than that of which it tells.
func (r *recorder) resume(marks history.Marks, tasks []store.Row[Task], instances []store.Row[Instance]) {
	now := r.service.db.Health(context.Background()).Applied
	r.marks = history.Marks{}
	for _, name := range []string{taskMark, instanceMark} {
		if r.marks[name] = marks[name]; marks[name] > now {
			r.marks[name] = 0
		}
	}
	byRevision(tasks)
	for _, row := range tasks {
		if row.Revision > r.marks[taskMark] {
			r.task(store.Event[Task]{New: &row, Revision: row.Revision})
		} else if row.Value.Status == Stopped {
			r.ended.add(row)
		}
	}
	byRevision(instances)
	for _, row := range instances {
		if row.Revision > r.marks[instanceMark] {
			r.instance(store.Event[Instance]{New: &row, Revision: row.Revision})
		}
	}
	r.dirty = true
}

func byRevision[T any](rows []store.Row[T]) {
	slices.SortFunc(rows, func(a, b store.Row[T]) int { return int(a.Revision - b.Revision) })
}

func (r *recorder) task(e store.Event[Task]) {
	r.marks[taskMark], r.dirty = max(r.marks[taskMark], e.Revision), true
	if e.New == nil {
		return
	}
	t := e.New.Value
	if t.Status == Stopped && (e.Old == nil || e.Old.Value.Status != Stopped) {
		r.ended.add(*e.New)
	}
	if r.history != nil && (e.Old == nil || !sameEvent(e.Old.Value, t)) {
		r.pending = append(r.pending, appendTask(make([]byte, 0, 512), e.New.Scope, t, time.Now()))
	}
}

func (r *recorder) instance(e store.Event[Instance]) {
	r.marks[instanceMark], r.dirty = max(r.marks[instanceMark], e.Revision), true
	if r.history == nil || e.New == nil || !e.New.Value.shown() {
		return
	}
	i := e.New.Value
	if e.Old != nil && e.Old.Value.Version == i.Version {
		return
	}
	now := time.Now()
	detail, err := r.service.instanceDetail(e.New.Scope, i, now)
	if err != nil {
		r.service.log.Error("a change of a container instance is not recorded", "instance", i.ID, "error", err)
		return
	}
	r.pending = append(r.pending, appendInstance(nil, e.New.Scope, i, detail, now))
}

// retryFlush is how long a journal that takes nothing is left alone. What changes meanwhile waits in the tables' feeds.
const retryFlush = time.Second

// flush writes what is pending, and waits until that is done.
func (r *recorder) flush(ctx context.Context) {
	for told := false; r.history != nil; told = true {
		err := r.history.Append(ctx, r.pending, r.marks)
		if err == nil {
			break
		}
		if !told {
			r.service.log.Error("state changes can't be recorded, and will be tried again", "changes", len(r.pending), "error", err)
		}
		select {
		case <-time.After(retryFlush):
		case <-ctx.Done():
			return
		}
	}
	some := len(r.pending) > 0
	clear(r.pending)
	r.pending, r.dirty = r.pending[:0], false
	r.recorded.Store(r.marks[taskMark])
	r.ended.look()
	if some {
		r.service.changes.ring()
	}
}
