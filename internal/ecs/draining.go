package ecs

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/store"
)

// draining are the tasks that are DEACTIVATING. The reconciler looks at them whenever some target has drained.
type draining struct {
	mu    sync.Mutex
	tasks map[taskKey]bool
}

// note takes up what a task's record says.
func (d *draining) note(row store.Row[Task]) {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := taskKey{row.Scope, row.ID}
	if row.Value.Status != Deactivating {
		delete(d.tasks, key)
		return
	}
	if d.tasks == nil {
		d.tasks = map[taskKey]bool{}
	}
	d.tasks[key] = true
}

func (d *draining) all() []taskKey {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Keys(d.tasks))
}

// drainPause is how long what has drained waits for others to be looked at with it: a deployment drains hundreds at a time.
const drainPause = 20 * time.Millisecond

// followDraining looks at the tasks that drain whenever some target has drained, until ctx ends.
func (r *reconciler) followDraining(ctx context.Context) {
	for ctx.Err() == nil {
		drained := r.service.config.Balancing.Drainings()
		r.lookAtDraining()
		select {
		case <-drained:
		case <-ctx.Done():
			return
		}
		if !pause(ctx, nil, drainPause) {
			return
		}
	}
}

// lookAtDraining queues the tasks that have drained.
func (r *reconciler) lookAtDraining() {
	for _, key := range r.draining.all() {
		if row, ok := r.service.Tasks.Get(key.scope, key.id); ok {
			r.changed(row)
		}
	}
}
