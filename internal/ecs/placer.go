package ecs

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs/placement"
	"github.com/berth-dev/berth/internal/store"
)

// placer decides where tasks run. There is one that places, on the leader; its ledger follows the tasks and instances
// of the store, and what it has chosen is reserved before it is committed.
type placer struct {
	service *Service
	ready   chan struct{} // closed once the ledger shows the store

	launching sync.RWMutex // held for reading by a launch while it places and commits
	shut      bool         // nothing is placed any more; guarded by launching

	mu      sync.Mutex
	started time.Time
	changed chan struct{} // closed and replaced when an instance comes, goes or changes
	ledger  *placement.Ledger
	pools   map[pool][]placement.Instance
	home    map[string]pool // of each identity
	came    map[string]bool // identities that have connected since the start
}

// pool is a set of instances among which a task may be placed: a cluster's own machines, its external ones, or the
// machines of Fargate, which belong to no cluster.
type pool struct {
	scope      store.Scope
	launchType api.LaunchType
	cluster    string // empty for Fargate
}

func poolOf(scope store.Scope, i *Instance) pool {
	at := pool{scope: scope, launchType: i.launchType()}
	if i.shown() {
		at.cluster = i.Cluster
	}
	return at
}

func newPlacer(s *Service) *placer {
	return &placer{service: s, ready: make(chan struct{}), changed: make(chan struct{}), ledger: placement.NewLedger(),
		pools: map[pool][]placement.Instance{}, home: map[string]pool{}, came: map[string]bool{}}
}

// run keeps the ledger until ctx ends.
func (p *placer) run(ctx context.Context) {
	instances, instanceEvents := p.service.Instances.Watch(ctx)
	tasks, taskEvents := p.service.Tasks.Watch(ctx)
	for _, row := range instances {
		p.setInstance(row.Scope, row.Value)
	}
	for _, row := range tasks {
		p.setTask(row.Value)
	}
	p.mu.Lock()
	p.started = time.Now()
	p.mu.Unlock()
	close(p.ready)
	for {
		select {
		case e, ok := <-instanceEvents:
			switch {
			case !ok:
				return
			case e.New != nil:
				p.setInstance(e.New.Scope, e.New.Value)
			default:
				p.dropInstance(e.Old.Value)
			}
		case e, ok := <-taskEvents:
			switch {
			case !ok:
				return
			case e.New != nil:
				p.setTask(e.New.Value)
			default:
				p.release(e.Old.Value.ID)
			}
		}
	}
}

func (p *placer) setInstance(scope store.Scope, i *Instance) {
	if i.Status == instanceInactive {
		p.dropInstance(i)
		return
	}
	c := placement.Instance{ID: i.ID, Machine: i.Machine, Active: i.Status == instanceActive, Connected: p.service.connected(i),
		Attributes: make(map[string]string, len(i.Attributes))}
	for _, a := range i.Attributes {
		c.Attributes[a.Name] = a.Value
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ledger.Join(i.ID, i.Machine, i.Capacity, i.Reserved)
	p.forget(i.ID)
	at := poolOf(scope, i)
	p.home[i.ID] = at
	p.pools[at] = append(p.pools[at], c)
	if c.Connected {
		p.came[i.ID] = true
	}
	p.tell()
}

func (p *placer) dropInstance(i *Instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ledger.Leave(i.ID)
	p.forget(i.ID)
	p.tell()
}

// forget takes an identity out of its pool.
func (p *placer) forget(id string) {
	at, ok := p.home[id]
	if !ok {
		return
	}
	delete(p.home, id)
	p.pools[at] = slices.DeleteFunc(p.pools[at], func(c placement.Instance) bool { return c.ID == id })
	if len(p.pools[at]) == 0 {
		delete(p.pools, at)
	}
}

func (p *placer) tell() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *placer) setTask(t *Task) {
	if !t.Status.Live() {
		p.release(t.ID)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ledger.Commit(t.ID, t.Machine, t.Demand)
}

func (p *placer) release(task string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ledger.Release(task)
}

// drop ends the reservations of placements that were not committed.
func (p *placer) drop(tasks []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, task := range tasks {
		p.ledger.Drop(task)
	}
}

// wait returns once placing has begun, and a request need not wait for agents that have not come back yet since the server started: one
// fits, or something else is in the way, or there was time enough.
func (p *placer) wait(ctx context.Context, l *launch) error {
	select {
	case <-p.ready:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for {
		p.mu.Lock()
		left, changed := p.service.config.Settle-time.Since(p.started), p.changed
		if left > 0 && (p.complete() || !slices.ContainsFunc(l.shares, func(sh *share) bool { return p.awaits(sh, l.requestOf(sh)) })) {
			left = 0
		}
		p.mu.Unlock()
		if left <= 0 {
			return nil
		}
		timer := time.NewTimer(left)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// complete tells whether all have come that are expected.
func (p *placer) complete() bool {
	expected := p.service.config.Expected
	return expected > 0 && len(p.came) >= expected
}

// awaits tells whether a share fits nowhere for want of agents alone.
func (p *placer) awaits(sh *share, r placement.Request) bool {
	_, refusals, ok := placement.Place(r, p.ledger, p.candidates(sh))
	return !ok && !slices.ContainsFunc(refusals, func(v placement.Verdict) bool { return v.Obstacle != placement.Agent })
}

// begin lets a launch place and commit, and is followed by end. It is false once nothing is to be placed any more.
func (p *placer) begin() bool {
	p.launching.RLock()
	shut := p.shut
	if shut {
		p.launching.RUnlock()
	}
	return !shut
}

func (p *placer) end() { p.launching.RUnlock() }

// placed is where one task is to run.
type placed struct {
	task     string
	instance placement.Instance
}

// place reserves room for the launch's tasks, one after the other.
func (p *placer) place(l *launch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, sh := range l.shares {
		p.fill(sh, l.requestOf(sh))
	}
}

func (p *placer) fill(sh *share, r placement.Request) {
	candidates := p.candidates(sh)
	sh.candidates = slices.ContainsFunc(candidates, func(c placement.Instance) bool { return c.Active })
	for range sh.count {
		r.Seed = rand.Uint64()
		c, refusals, ok := placement.Place(r, p.ledger, candidates)
		if !ok {
			sh.refusals = refusals
			return
		}
		task := newID()
		p.ledger.Hold(task, c.Machine, r.Demand)
		sh.chosen = append(sh.chosen, placed{task, c})
	}
}

// candidates are the instances that a share may be placed on.
func (p *placer) candidates(sh *share) []placement.Instance {
	all := p.pools[sh.pool]
	if sh.instance == "" {
		return all
	}
	at := slices.IndexFunc(all, func(c placement.Instance) bool { return c.ID == sh.instance })
	if at < 0 {
		return nil
	}
	return all[at : at+1]
}
