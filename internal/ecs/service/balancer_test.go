package service

import (
	"fmt"
	"maps"
	"testing"

	"github.com/berth-dev/berth/internal/store"
)

// The listener rules of a stage, and the target groups that they forward to.
const (
	production = "production"
	trial      = "trial"
	blue       = "blue"
	green      = "green"
)

// balancer is load balancing that is in the store, and so in the leader's transactions: a production rule and a test rule, which forward to two target
// groups. Targets are healthy, and drain at once.
type balancer struct {
	t       *testing.T
	weights *store.Table[map[string]int]
	targets *store.Table[string] // the group, by all that names a target
}

func newBalancer(t *testing.T, db *store.DB) *balancer {
	return &balancer{t, store.NewTable[map[string]int](db, "test", "rule"), store.NewTable[string](db, "test", "target")}
}

func (b *balancer) Group(_ store.Scope, arn string) (Group, error) {
	if arn != blue && arn != green {
		return Group{}, ErrNoGroup
	}
	return Group{ARN: arn, Instance: true, Balanced: true}, nil
}

func (*balancer) Health(store.Scope, string, string, uint16) Health { return Health{State: "healthy"} }

func (*balancer) Watch(func(store.Scope, string)) (stop func()) { return func() {} }

func (b *balancer) RuleGroups(scope store.Scope, rule string) (map[string]int, error) {
	if rule != production && rule != trial {
		return nil, ErrNoRule
	}
	if row, ok := b.weights.Get(scope, rule); ok {
		return maps.Clone(*row.Value), nil
	}
	return map[string]int{blue: 100, green: 0}, nil
}

// SetWeights fails the test when a group would get traffic in which nothing is.
func (b *balancer) SetWeights(tx *store.Tx, scope store.Scope, rule string, weights map[string]int) error {
	for group, weight := range weights {
		if weight > 0 && b.registered(group) == 0 {
			b.t.Errorf("%s forwards by %v, and nothing is in %s", rule, weights, group)
		}
	}
	weights = maps.Clone(weights)
	return b.weights.Put(tx, scope, rule, &weights)
}

// registered is how many targets a group has.
func (b *balancer) registered(group string) (n int) {
	for row := range b.targets.All() {
		if *row.Value == group {
			n++
		}
	}
	return n
}

func targetKey(group, id string, port uint16) string { return fmt.Sprintf("%s %s %d", group, id, port) }

func (b *balancer) Register(tx *store.Tx, scope store.Scope, group, id string, port uint16) error {
	return b.targets.Put(tx, scope, targetKey(group, id, port), &group)
}

func (b *balancer) Deregister(tx *store.Tx, scope store.Scope, group, id string, port uint16) error {
	key := targetKey(group, id, port)
	if _, ok := b.targets.GetTx(tx, scope, key); !ok {
		return nil
	}
	return b.targets.Delete(tx, scope, key)
}

func (*balancer) Drained(store.Scope, string, string, uint16) bool { return true }

func (*balancer) Drainings() <-chan struct{} { return nil }
