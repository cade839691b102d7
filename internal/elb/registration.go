package elb

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/store"
)

// What is not there.
var (
	ErrNoGroup = errors.New("the target group does not exist")
	ErrNoRule  = errors.New("the listener rule does not exist")
)

// RegisterTarget makes an address or an instance be a target of a group, as part of the transaction. One that is draining is in service
// again. It wraps ErrNoGroup.
func (s *Service) RegisterTarget(tx *store.Tx, scope store.Scope, group, id string, port uint16) error {
	row, ok := s.tables.groups.GetTx(tx, scope, idIn(scope, kindGroup, group))
	if !ok {
		return fmt.Errorf("%s: %w", group, ErrNoGroup)
	}
	return s.register(tx, scope, row, target{ID: id, Port: port})
}

func (s *Service) register(tx *store.Tx, scope store.Scope, group *targetGroup, t target) error {
	t.Group = group.ID
	if t.Port == 0 {
		t.Port = group.Port
	}
	if t.Zone == "" {
		t.Zone = s.zoneOf(scope, group, t.ID)
	}
	key := targetID(group.ID, t.ID, t.Port)
	if before, ok := s.tables.targets.GetTx(tx, scope, key); ok && before.DrainingSince.IsZero() && before.Zone == t.Zone {
		return nil
	}
	t.RegisteredAt = s.now()
	return s.tables.targets.Put(tx, scope, key, &t)
}

// zoneOf is the availability zone of a target; empty when it is not known.
func (s *Service) zoneOf(scope store.Scope, group *targetGroup, id string) string {
	switch {
	case group.Target == api.TargetTypeEnumInstance:
		zone, _ := s.config.Instances.InstanceZone(scope, id)
		return zone
	case group.Target == api.TargetTypeEnumIp:
		if address, err := netip.ParseAddr(id); err == nil {
			return s.config.Network.ZoneOf(scope, group.VPC, address)
		}
	}
	return ""
}

// DeregisterTarget begins to drain a target, as part of the transaction: it gets no new connections and those that it has go on, for
// the group's deregistration delay at the most. A target of a group that no listener forwards to is gone at once. What is not
// registered is no error.
func (s *Service) DeregisterTarget(tx *store.Tx, scope store.Scope, group, id string, port uint16) error {
	groupID := idIn(scope, kindGroup, group)
	row, ok := s.tables.groups.GetTx(tx, scope, groupID)
	if !ok {
		return nil
	}
	if port == 0 {
		port = row.Port
	}
	key := targetID(groupID, id, port)
	before, ok := s.tables.targets.GetTx(tx, scope, key)
	switch {
	case !ok || !before.DrainingSince.IsZero():
		return nil
	case s.tables.rules.Count(scope, byGroup, group) == 0 || row.delay() == 0:
		return s.tables.targets.Delete(tx, scope, key)
	}
	draining := *before
	draining.DrainingSince = s.now()
	return s.tables.targets.Put(tx, scope, key, &draining)
}

// Drained tells whether nothing is sent to a target any more: it is not registered, or it was deregistered and its delay is over.
func (s *Service) Drained(scope store.Scope, group, id string, port uint16) bool {
	g, t := s.targetOf(scope, group, id, port)
	return t == nil || s.drainedAt(scope, g, t, s.now())
}

// targetOf is a target with its group, by the group's ARN. Port 0 is the group's. Both are nil when there is no such target.
func (s *Service) targetOf(scope store.Scope, group, id string, port uint16) (*targetGroup, *target) {
	groupID := idIn(scope, kindGroup, group)
	g, ok := s.tables.groups.Get(scope, groupID)
	if !ok {
		return nil, nil
	}
	if port == 0 {
		port = g.Value.Port
	}
	t, ok := s.tables.targets.Get(scope, targetID(groupID, id, port))
	if !ok {
		return nil, nil
	}
	return g.Value, t.Value
}

// drainedAt tells whether a target has drained.
func (s *Service) drainedAt(scope store.Scope, g *targetGroup, t *target, now time.Time) bool {
	if t.DrainingSince.IsZero() {
		return false
	}
	return !now.Before(t.DrainingSince.Add(g.delay())) || s.config.DrainIdle && s.idle(scope, t)
}

// idle tells whether a draining target has no connection. A data path that has not heard of the draining yet does not say so.
func (s *Service) idle(scope store.Scope, t *target) bool {
	if s.config.Plane == nil {
		return true
	}
	health, ok := s.config.Plane.Health(arnOf(scope, kindGroup, t.Group))[balancer.TargetKey{ID: t.ID, Port: t.Port}]
	return ok && health.State == balancer.Draining && health.Connections == 0
}

// Drainings returns what is closed when some target has drained. Ask Drained after this call, not before.
func (s *Service) Drainings() <-chan struct{} { return s.drained.wait() }
