package elb

import (
	"context"
	"slices"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// DeleteLoadBalancer deletes a load balancer with its listeners and their rules. One that is not there is no error.
func (s *Service) DeleteLoadBalancer(ctx context.Context, in *api.DeleteLoadBalancerInput) (*api.DeleteLoadBalancerOutput, error) {
	scope := scopeOf(ctx)
	if !wellFormed(kindBalancer, in.LoadBalancerArn) {
		return nil, invalid("'%s' is not a valid load balancer ARN", in.LoadBalancerArn)
	}
	id := idIn(scope, kindBalancer, in.LoadBalancerArn)
	row, ok := s.tables.balancers.Get(scope, id)
	if !ok {
		return nil, nil
	}
	if err := row.Value.checkUnprotected(scope); err != nil {
		return nil, err
	}
	// A load balancer may have more rules than one transaction may write.
	rules := slices.Collect(s.tables.rules.Find(scope, byBalancer, id))
	if len(rules) > maxListeners {
		if _, err := store.UpdateEach(ctx, s.db, rules, func(tx *store.Tx, row store.Row[rule]) error {
			if row.Value.Priority == 0 {
				return nil
			}
			return s.deleteRow(tx, scope, row.ID)
		}); err != nil {
			return nil, err
		}
	}
	return nil, s.db.Update(ctx, func(tx *store.Tx) error { return s.deleteBalancer(tx, scope, id) })
}

func (b *loadBalancer) checkUnprotected(scope store.Scope) error {
	if b.is(deletionProtection) {
		return wire.Errorf(api.OperationNotPermittedException, "Load balancer '%s' cannot be deleted because deletion protection is enabled", arnOf(scope, kindBalancer, b.ID))
	}
	return nil
}

func (s *Service) deleteRow(tx *store.Tx, scope store.Scope, rule string) error {
	if _, ok := s.tables.rules.GetTx(tx, scope, rule); !ok {
		return nil
	}
	return s.tables.rules.Delete(tx, scope, rule)
}

func (s *Service) deleteBalancer(tx *store.Tx, scope store.Scope, id string) error {
	b, ok := s.tables.balancers.GetTx(tx, scope, id)
	if !ok {
		return nil
	}
	if err := b.checkUnprotected(scope); err != nil { // it may have become so meanwhile
		return err
	}
	for _, row := range s.tables.rules.FindTx(tx, scope, byBalancer, id) {
		if err := s.tables.rules.Delete(tx, scope, row.ID); err != nil {
			return err
		}
	}
	for _, row := range s.tables.listeners.FindTx(tx, scope, byBalancer, id) {
		if err := s.tables.listeners.Delete(tx, scope, row.ID); err != nil {
			return err
		}
	}
	for _, at := range b.Addresses {
		if err := s.config.Network.DeleteInterface(tx, scope, at.Interface); err != nil {
			return err
		}
	}
	return s.tables.balancers.Delete(tx, scope, id)
}
