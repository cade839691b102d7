package ecs

import (
	"fmt"
	"sync"

	"github.com/berth-dev/berth/internal/store"
)

// balancer is a load balancing whose targets drain when a test says so.
type balancer struct {
	targets *store.Table[target] // of those that are registered or drain
	drained bell
	mu      sync.Mutex
	missing bool            // no target group is there
	idle    map[string]bool // by key: the targets that have drained
}

type target struct {
	Draining bool `json:"draining"`
}

func newBalancer(db *store.DB) *balancer {
	return &balancer{targets: store.NewTable[target](db, "test", "target"), idle: map[string]bool{}}
}

func targetKey(group, id string, port uint16) string { return fmt.Sprintf("%s %s %d", group, id, port) }

func (b *balancer) Register(tx *store.Tx, scope store.Scope, group, id string, port uint16) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.missing {
		return ErrNoTargetGroup
	}
	delete(b.idle, targetKey(group, id, port))
	return b.targets.Put(tx, scope, targetKey(group, id, port), &target{})
}

func (b *balancer) Deregister(tx *store.Tx, scope store.Scope, group, id string, port uint16) error {
	if _, ok := b.targets.GetTx(tx, scope, targetKey(group, id, port)); !ok {
		return nil
	}
	return b.targets.Put(tx, scope, targetKey(group, id, port), &target{Draining: true})
}

func (b *balancer) Drained(scope store.Scope, group, id string, port uint16) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.idle[targetKey(group, id, port)]
}

func (b *balancer) Drainings() <-chan struct{} { return b.drained.rung() }

func (b *balancer) setMissing(missing bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.missing = missing
}

// drain has all targets drained that are deregistered.
func (b *balancer) drain() {
	b.mu.Lock()
	for row := range b.targets.All() {
		if row.Value.Draining {
			b.idle[row.ID] = true
		}
	}
	b.mu.Unlock()
	b.drained.ring()
}

// registered are the keys of the targets that requests go to.
func (b *balancer) registered() (keys []string) {
	for row := range b.targets.All() {
		if !row.Value.Draining {
			keys = append(keys, row.ID)
		}
	}
	return keys
}
