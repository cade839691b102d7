package ecs

import (
	"context"
	"math/rand/v2"
	"strings"
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

	mu       sync.Mutex
	started  time.Time
	changed  chan struct{} // closed and replaced when an instance comes, goes or changes
	ledger   *placement.Ledger
	settling []settling
	came     map[string]bool  // identities that have connected since the start
	seen     map[string]int64 // revision of each instance's record that the ledger shows
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

// name is the pool's in the ledger.
func (p pool) name() string {
	return strings.Join([]string{p.scope.Account, p.scope.Region, string(p.launchType), p.cluster}, "/")
}

func newPlacer(s *Service) *placer {
	return &placer{service: s, ready: make(chan struct{}), changed: make(chan struct{}), ledger: placement.NewLedger(), came: map[string]bool{}, seen: map[string]int64{}}
}

// run keeps the ledger until ctx ends.
func (p *placer) run(ctx context.Context) {
	instances, instanceEvents := p.service.Instances.Watch(ctx)
	tasks, taskEvents := p.service.Tasks.Watch(ctx)
	for _, row := range instances {
		p.look(row.Scope, row.ID)
	}
	for _, row := range tasks {
		p.setTask(row.Value)
	}
	p.mu.Lock()
	p.started = time.Now()
	p.mu.Unlock()
	close(p.ready)
	settle := time.NewTicker(settleEvery)
	defer settle.Stop()
	for {
		select {
		case now := <-settle.C:
			p.settle(now)
		case e, ok := <-instanceEvents:
			switch {
			case !ok:
				return
			case e.New != nil:
				p.look(e.New.Scope, e.New.ID)
			default:
				p.look(e.Old.Scope, e.Old.ID)
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

// look makes the ledger show an instance as the store has it. Whoever has changed one calls it before he answers: what is placed from
// then on goes by the change. What others have changed, the placer hears of a moment later.
func (p *placer) look(scope store.Scope, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	row, ok := p.service.Instances.Get(scope, id) // under the lock, so that the ledger never goes back
	switch {
	case !ok || row.Value.Status == instanceInactive:
		delete(p.seen, id)
		p.ledger.Leave(id)
	case p.seen[id] == row.Revision:
		return
	default:
		c := p.service.candidate(scope, row.Value)
		p.seen[id] = row.Revision
		p.ledger.Join(c)
		if c.Connected {
			p.came[id] = true
		}
	}
	p.tell()
}

// candidate is an instance as placement sees it.
func (s *Service) candidate(scope store.Scope, i *Instance) placement.Instance {
	c := placement.Instance{ID: i.ID, Machine: i.Machine, Pool: poolOf(scope, i).name(), Active: i.Status == instanceActive,
		Connected: s.connected(i), Attributes: make([]placement.Attribute, len(i.Attributes)),
		Total: i.Capacity, Ports: i.Reserved, GPUs: i.GPUs,
		AgentVersion: i.Agent.Version, EC2InstanceID: i.EC2InstanceID, RegisteredAt: i.RegisteredAt.Unix()}
	if i.Located {
		c.Zone = i.Zone
	}
	for n, a := range i.Attributes {
		c.Attributes[n] = placement.Attribute{Name: a.Name, Value: a.Value}
	}
	return c
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
	taken := placement.Task{ID: t.ID, Instance: t.Instance, Machine: t.Machine, Group: t.placementGroup(), Demand: t.Demand,
		GPUs: t.gpus(), Published: t.published(), Ending: t.Ending(), Running: t.Status == Running}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ledger.Commit(taken)
}

// placementGroup is the task's group as placement counts it. On Fargate, where the tasks of all clusters share machines,
// the cluster is a part of it.
func (t *Task) placementGroup() string {
	if t.LaunchType == api.LaunchTypeFargate {
		return t.Cluster + "/" + t.Group
	}
	return t.Group
}

func (p *placer) release(task string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ledger.Release(task)
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

// place reserves room for the launch's tasks, one after the other.
func (p *placer) place(l *launch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, sh := range l.shares {
		p.fill(sh, l.requestOf(sh))
	}
}

func (p *placer) fill(sh *share, r placement.Request) {
	r.Pool, r.Instance, r.Seed = sh.pool.name(), sh.instance, rand.Uint64()
	ids := make([]string, sh.count)
	for i := range ids {
		ids[i] = newID()
	}
	sh.chosen = nil
	ids = p.inZones(sh, r, ids)
	sh.chosen = append(sh.chosen, p.ledger.Place(r, ids)...)
	sh.candidates = p.ledger.Active(r.Pool) > 0
	if len(sh.chosen) < sh.count {
		sh.refusals = p.ledger.Verdicts(r, maxFailures)
	}
}
