package ecs

import (
	"slices"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs/placement"
	"github.com/berth-dev/berth/internal/store"
)

// Uncounted tells whether a task of a service came, or comes, to an end that its scheduler did not order and has not taken
// into account yet. There is no other trace of one that failed between two looks.
func (t *Task) Uncounted() bool {
	return t.Service != "" && t.Ending() && !t.Counted && (t.Stop == nil || t.Stop.Code != api.TaskStopCodeServiceSchedulerInitiated)
}

// CountTx notes that the scheduler has taken a task's end into account, as part of the transaction.
func (s *Service) CountTx(tx *store.Tx, scope store.Scope, id string) error {
	t, ok := s.Tasks.GetTx(tx, scope, id)
	if !ok || t.Counted {
		return nil
	}
	counted := *t
	counted.Counted = true
	return s.Tasks.Put(tx, scope, id, &counted)
}

// ZonesOf are the availability zones in which an order's tasks can be, in order.
func (s *Service) ZonesOf(scope store.Scope, o Order) []string {
	s.placer.mu.Lock()
	zones := s.placer.ledger.Zones(capacity{launchType: o.LaunchType}.pool(scope, o.Cluster).name())
	s.placer.mu.Unlock()
	if o.Network == nil {
		return zones
	}
	reached := s.network.Zones(scope, o.Network.Subnets)
	if len(zones) > 0 { // machines that say where they are
		reached = slices.DeleteFunc(reached, func(zone string) bool { return !slices.Contains(zones, zone) })
	}
	slices.Sort(reached)
	return reached
}

// narrow keeps a request to the zone that its order names.
func (o *Order) narrow(r *placement.Request) {
	if o.Zone != "" {
		r.Zones = []string{o.Zone}
	}
}
