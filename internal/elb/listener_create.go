package elb

import (
	"context"
	"errors"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// CreateListener makes a listener with its default rule.
func (s *Service) CreateListener(ctx context.Context, in *api.CreateListenerInput) (*api.CreateListenerOutput, error) {
	scope := scopeOf(ctx)
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	var made *listener
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		b, err := s.balancers().getTx(tx, scope, in.LoadBalancerArn)
		if err != nil {
			return err
		}
		l := &listener{
			ID: b.ID + "/" + newID(), Balancer: b.ID, Protocol: in.Protocol, Port: uint16(or(in.Port, 0)), Tags: in.Tags, CreatedAt: s.now(),
		}
		if err := s.change(tx, scope, b, l, wanted{policy: in.SslPolicy, certificates: in.Certificates, alpn: in.AlpnPolicy, mutual: in.MutualAuthentication}); err != nil {
			return err
		}
		if len(s.tables.listeners.FindTx(tx, scope, byBalancer, b.ID)) >= maxListeners {
			return wire.Errorf(api.TooManyListenersException, "The maximum number of listeners per load balancer has been reached: %d", maxListeners)
		}
		actions, err := s.checkActions(tx, scope, b, l, in.DefaultActions)
		if err != nil {
			return err
		}
		if err := s.putListener(tx, scope, l); err != nil {
			return err
		}
		made = l
		byDefault := &rule{ID: l.ID + "/" + newID(), Listener: l.ID, Balancer: b.ID, Actions: actions}
		return s.tables.rules.Create(tx, scope, byDefault.ID, byDefault)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateListenerOutput{Listeners: []api.Listener{s.describeListener(scope, made)}}, nil
}

// putListener writes a listener whose port no other may have.
func (s *Service) putListener(tx *store.Tx, scope store.Scope, l *listener) error {
	err := s.tables.listeners.Put(tx, scope, l.ID, l)
	if errors.Is(err, store.ErrExists) {
		return wire.Errorf(api.DuplicateListenerException, "A listener already exists on this port for this load balancer '%s'", arnOf(scope, kindBalancer, l.Balancer))
	}
	return err
}

// ModifyListener changes a listener, and what its default rule does.
func (s *Service) ModifyListener(ctx context.Context, in *api.ModifyListenerInput) (*api.ModifyListenerOutput, error) {
	scope := scopeOf(ctx)
	var changed *listener
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		old, err := s.listeners().getTx(tx, scope, in.ListenerArn)
		if err != nil {
			return err
		}
		b, ok := s.tables.balancers.GetTx(tx, scope, old.Balancer)
		if !ok {
			return s.listeners().missing(in.ListenerArn)
		}
		l := *old
		if in.Protocol != "" && in.Protocol != l.Protocol {
			l.Protocol = in.Protocol
			l.Attributes = l.attributes().among(l.Attributes)
			if !l.secure() {
				l.Policy, l.Certificates, l.ALPN, l.Mutual = "", nil, "", ""
			}
		}
		l.Port = uint16(or(in.Port, int32(l.Port)))
		if err := s.change(tx, scope, b, &l, wanted{policy: in.SslPolicy, certificates: in.Certificates, alpn: in.AlpnPolicy, mutual: in.MutualAuthentication}); err != nil {
			return err
		}
		if err := s.putListener(tx, scope, &l); err != nil {
			return err
		}
		changed = &l
		return s.changeDefault(tx, scope, b, &l, in.DefaultActions)
	})
	if err != nil {
		return nil, err
	}
	return &api.ModifyListenerOutput{Listeners: []api.Listener{s.describeListener(scope, changed)}}, nil
}

// changeDefault makes a listener's default rule do something else. Without actions those that it has must still go with the listener.
func (s *Service) changeDefault(tx *store.Tx, scope store.Scope, b *loadBalancer, l *listener, actions []api.Action) error {
	for _, row := range s.tables.rules.FindTx(tx, scope, byListener, l.ID) {
		asked := actions
		if row.Value.Priority != 0 || len(actions) == 0 {
			asked = row.Value.Actions
		}
		checked, err := s.checkActions(tx, scope, b, l, asked)
		if err != nil {
			return err
		}
		if row.Value.Priority == 0 && len(actions) > 0 {
			changed := *row.Value
			changed.Actions = checked
			if err := s.tables.rules.Put(tx, scope, row.ID, &changed); err != nil {
				return err
			}
		}
	}
	return nil
}

// DeleteListener deletes a listener with its rules.
func (s *Service) DeleteListener(ctx context.Context, in *api.DeleteListenerInput) (*api.DeleteListenerOutput, error) {
	scope := scopeOf(ctx)
	l, err := s.listeners().get(scope, in.ListenerArn)
	if err != nil {
		return nil, err
	}
	return nil, s.db.Update(ctx, func(tx *store.Tx) error {
		for _, row := range s.tables.rules.FindTx(tx, scope, byListener, l.ID) {
			if err := s.tables.rules.Delete(tx, scope, row.ID); err != nil {
				return err
			}
		}
		if _, err := s.listeners().getTx(tx, scope, in.ListenerArn); err != nil {
			return err
		}
		return s.tables.listeners.Delete(tx, scope, l.ID)
	})
}
