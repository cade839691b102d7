package sim_test

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/ecs/placement"
	"github.com/berth-dev/berth/internal/store"
)

// record is every change of every task and instance, from when it was begun.
type record struct {
	*world
	stop func()

	mu      sync.Mutex
	changes []change
}

// change is one revision of a task or of an instance.
type change struct {
	revision  int64
	old, task *ecs.Task
	instance  *ecs.Instance
}

func (w *world) record() *record {
	ctx, cancel := context.WithCancel(context.Background())
	r := &record{world: w}
	instances, instanceEvents := w.server.ECS.Instances.Watch(ctx)
	for _, row := range instances {
		r.add(change{row.Revision, nil, nil, row.Value})
	}
	_, taskEvents := w.server.ECS.Tasks.Watch(ctx)
	var reading sync.WaitGroup
	reading.Go(func() {
		for e := range instanceEvents {
			if e.New != nil {
				r.add(change{e.Revision, nil, nil, e.New.Value})
			}
		}
	})
	reading.Go(func() {
		for e := range taskEvents {
			c := change{revision: e.Revision}
			if e.Old != nil {
				c.old = e.Old.Value
			}
			if e.New != nil {
				c.task = e.New.Value
			}
			r.add(c)
		}
	})
	r.stop = func() { cancel(); reading.Wait() }
	return r
}

func (r *record) add(c change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes = append(r.changes, c)
}

func (r *record) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.changes)
}

// judge holds that every task had one life, which went forward alone, and that no task was given to a machine that had no
// room for it beside the others that it then had.
func (r *record) judge() {
	r.Helper()
	r.stop()
	slices.SortStableFunc(r.changes, func(a, b change) int { return cmp.Compare(a.revision, b.revision) })
	lives := map[string]ecs.Status{}
	offers := map[string]placement.Capacity{}
	loads := map[string]map[string]placement.Demand{} // by machine, then by task
	for _, c := range r.changes {
		switch {
		case c.instance != nil:
			offers[c.instance.Machine] = c.instance.Capacity
			continue
		case c.task == nil:
			r.Errorf("task %s was forgotten", c.old.ID)
			continue
		}
		t := c.task
		before, known := lives[t.ID]
		if known == (c.old == nil) || t.Status != before && !before.Before(t.Status) {
			r.Errorf("revision %d: task %s was %q and is %q", c.revision, t.ID, before, t.Status)
		}
		lives[t.ID] = t.Status
		on := loads[t.Machine]
		if on == nil {
			on = map[string]placement.Demand{}
			loads[t.Machine] = on
		}
		if delete(on, t.ID); t.Status.Live() {
			on[t.ID] = t.Demand
		}
		if !known {
			r.fits(c.revision, t, offers[t.Machine], on)
		}
	}
}

func (r *record) fits(revision int64, t *ecs.Task, has placement.Capacity, on map[string]placement.Demand) {
	var cpu, memory int64
	ports := map[placement.Port]int{}
	for _, d := range on {
		cpu, memory = cpu+d.CPU, memory+d.Memory
		for _, p := range d.Ports {
			ports[p]++
		}
	}
	for _, p := range t.Demand.Ports {
		if ports[p] > 1 {
			r.Errorf("revision %d: task %s has the port %s on machine %s, and another task too", revision, t.ID, p, t.Machine)
		}
	}
	if cpu > has.CPU || memory > has.Memory {
		r.Errorf("revision %d: task %s makes %d CPU and %d MiB of %+v on machine %s", revision, t.ID, cpu, memory, has, t.Machine)
	}
}

type taskRow = store.Row[ecs.Task]

// live are the tasks that the control plane has and that are not STOPPED.
func (w *world) live() (live []taskRow) {
	for row := range w.server.ECS.Tasks.All() {
		if row.Value.Status != ecs.Stopped {
			live = append(live, row)
		}
	}
	return live
}
