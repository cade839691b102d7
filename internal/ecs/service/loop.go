package service

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/ecs/service/plan"
	"github.com/berth-dev/berth/internal/store"
)

// loop brings services about: it runs on the leader, and all that it writes is fenced.
//
// It works by level. Whatever happens puts the key of a service on the agenda; whoever takes it reads all that there is to
// know, has package plan decide, and commits what comes out, which fails when the service's record has changed meanwhile.
// Nothing is remembered but what may be forgotten: which launches found no room, whose target groups
// are whose, and how long ago by the monotonic clock something began.
type loop struct {
	*Scheduler
	leader *store.Leader
	agenda *agenda[serviceKey]

	mu     sync.Mutex
	groups map[groupKey]map[serviceKey]bool // whose tasks are registered with a target group
	full   map[serviceKey]*fullness
	began  time.Time // by the monotonic clock
	since  map[serviceKey]*moments
	making bool // room was made, and those that want it are looked at in a moment
	// calling are the hooks that somebody calls until they have answered, by their ids.
	calling map[string]bool
	calls   sync.WaitGroup
}

// serviceKey names a service.
type serviceKey struct {
	scope store.Scope
	key   string // see Key
}

type groupKey struct {
	scope store.Scope
	arn   string
}

// workers is how many services are looked at at the same time: their commits share batches.
const workers = 8

func newLoop(s *Scheduler, leader *store.Leader) *loop {
	return &loop{Scheduler: s, leader: leader, agenda: newAgenda[serviceKey](), groups: map[groupKey]map[serviceKey]bool{}, full: map[serviceKey]*fullness{},
		began: time.Now(), since: map[serviceKey]*moments{}, calling: map[string]bool{}}
}

// run schedules until ctx ends.
func (l *loop) run(ctx context.Context) {
	services, serviceEvents := l.Services.Watch(ctx)
	instances, instanceEvents := l.ecs.Instances.Watch(ctx)
	tasks, taskEvents := l.ecs.Tasks.Watch(ctx)
	_, _ = instances, tasks // each service reads its own
	if l.balancers != nil {
		defer l.balancers.Watch(l.healthChanged)()
	}
	var working sync.WaitGroup
	for range workers {
		working.Go(func() { l.work(ctx) })
	}
	defer l.calls.Wait()
	defer working.Wait()
	defer l.agenda.close()
	for _, row := range services {
		l.serviceChanged(row)
	}
	for {
		select {
		case e, ok := <-serviceEvents:
			if !ok {
				return
			}
			if e.New != nil {
				l.serviceChanged(*e.New)
			}
		case e, ok := <-taskEvents:
			if !ok {
				return
			}
			l.taskChanged(e)
		case e, ok := <-instanceEvents:
			if !ok {
				return
			}
			l.instanceChanged(e)
		case <-ctx.Done():
			return
		}
	}
}

func (l *loop) serviceChanged(row store.Row[Service]) {
	if row.Value.Status != Inactive {
		l.agenda.add(serviceKey{row.Scope, row.ID})
	}
}

func (l *loop) taskChanged(e store.Event[ecs.Task]) {
	row := e.New
	if row == nil {
		row = e.Old
	}
	if t := row.Value; t.Service != "" {
		l.agenda.add(serviceKey{row.Scope, Key(t.Cluster, t.Service)})
	}
	if e.Old != nil && e.Old.Value.Status.Live() && (e.New == nil || !e.New.Value.Status.Live()) {
		l.roomMade()
	}
}

// healthChanged looks at the services of a target group.
func (l *loop) healthChanged(scope store.Scope, arn string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key := range l.groups[groupKey{scope, arn}] {
		l.agenda.add(key)
	}
}

// instanceChanged looks at the services that an instance matters to: those that have tasks on it, daemons of its cluster,
// and those that want room.
func (l *loop) instanceChanged(e store.Event[ecs.Instance]) {
	if e.Old != nil && e.New != nil && sameForServices(e.Old.Value, e.New.Value) {
		return
	}
	row := e.New
	if row == nil {
		row = e.Old
	}
	for task := range l.ecs.Tasks.Find(row.Scope, ecs.LiveByInstance, row.ID) {
		if t := task.Value; t.Service != "" {
			l.agenda.add(serviceKey{row.Scope, Key(t.Cluster, t.Service)})
		}
	}
	for v := range l.Services.Find(row.Scope, ServicesByCluster, row.Value.Cluster) {
		if v.Value.daemon() {
			l.agenda.add(serviceKey{v.Scope, v.ID})
		}
	}
	l.roomMade()
}

func (l *loop) work(ctx context.Context) {
	for {
		key, ok := l.agenda.take()
		if !ok {
			return
		}
		size, err := l.reconcile(ctx, key)
		switch {
		case err == nil || ctx.Err() != nil || errors.Is(err, store.ErrFenced) || errors.Is(err, store.ErrClosed):
			l.agenda.done(key, time.Duration(size)*pausePerTask)
		default:
			l.log.Error("a service could not be brought about, and will be tried again", "service", key.key, "error", err)
			l.agenda.retry(key)
		}
	}
}

// pausePerTask is how long, for each of its tasks, a service is left alone after a look when something has changed
// meanwhile: thousands of tasks that start would have it look at all of them thousands of times.
const pausePerTask = 50 * time.Microsecond

// most is how many decisions are made of a service before another has its turn.
const most = 16

// reconcile does what is due for a service. size is how many tasks it has.
func (l *loop) reconcile(ctx context.Context, key serviceKey) (size int, err error) {
	for range most {
		row, ok := l.Services.Get(key.scope, key.key)
		if !ok || row.Value.Status == Inactive {
			l.forget(key)
			return 0, nil
		}
		seen := l.look(key, row.Value)
		l.callHooks(ctx, key, seen.deployment)
		p := plan.Decide(seen.service, seen.world)
		size = len(seen.world.Tasks)
		if !p.Wake.IsZero() {
			l.agenda.after(key, max(0, p.Wake.Sub(seen.world.Now)))
		}
		v, err := l.commit(ctx, key, seen, p)
		switch {
		case errors.Is(err, errStale):
			continue
		case err != nil:
			return size, err
		}
		more := p.Again
		for _, start := range p.Start {
			started, err := l.start(ctx, key, v, start, seen)
			if err != nil && !errors.Is(err, errStale) {
				return size, err
			}
			more = more || started
		}
		if !more {
			return size, nil
		}
	}
	l.agenda.add(key)
	return size, nil
}

// forget drops what is remembered of a service that is gone.
func (l *loop) forget(key serviceKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.full, key)
	delete(l.since, key)
	for at, of := range l.groups {
		if delete(of, key); len(of) == 0 {
			delete(l.groups, at)
		}
	}
}

// errStale ends a transaction whose service has changed since it was looked at.
var errStale = errors.New("the service has changed")
