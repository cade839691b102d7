package elb

import (
	"context"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// kind is what the operations on one kind of thing differ in.
type kind[T any] struct {
	table  *store.Table[T]
	prefix string // of ids in ARNs
	what   string // "load balancer"
	Title  string // "Load balancer"
	code   string // of the error that there is none
}

func (s *Service) balancers() kind[loadBalancer] {
	return kind[loadBalancer]{s.tables.balancers, kindBalancer, "load balancer", "Load balancer", api.LoadBalancerNotFoundException}
}

func (s *Service) groups() kind[targetGroup] {
	return kind[targetGroup]{s.tables.groups, kindGroup, "target group", "Target group", api.TargetGroupNotFoundException}
}

func (s *Service) listeners() kind[listener] {
	return kind[listener]{s.tables.listeners, kindListener, "listener", "Listener", api.ListenerNotFoundException}
}

func (s *Service) rules() kind[rule] {
	return kind[rule]{s.tables.rules, kindRule, "listener rule", "Rule", api.RuleNotFoundException}
}

// id is the id in an ARN. What another account or region has is not found.
func (k kind[T]) id(scope store.Scope, arn string) (string, error) {
	of, id, ok := parseARN(k.prefix, arn)
	switch {
	case !ok:
		return "", invalid("'%s' is not a valid %s ARN", arn, k.what)
	case of != scope:
		return "", k.missing(arn)
	}
	return id, nil
}

func (k kind[T]) missing(arn string) error {
	return wire.Errorf(k.code, "%s '%s' not found", k.Title, arn)
}

// get is the thing with that ARN.
func (k kind[T]) get(scope store.Scope, arn string) (*T, error) {
	id, err := k.id(scope, arn)
	if err != nil {
		return nil, err
	}
	row, ok := k.table.Get(scope, id)
	if !ok {
		return nil, k.missing(arn)
	}
	return row.Value, nil
}

// getTx is the thing with that ARN as the transaction sees it.
func (k kind[T]) getTx(tx *store.Tx, scope store.Scope, arn string) (*T, error) {
	id, err := k.id(scope, arn)
	if err != nil {
		return nil, err
	}
	v, ok := k.table.GetTx(tx, scope, id)
	if !ok {
		return nil, k.missing(arn)
	}
	return v, nil
}

// modify changes the thing with that ARN in a transaction of its own, and returns what it has become.
func (k kind[T]) modify(ctx context.Context, s *Service, arn string, change func(tx *store.Tx, v *T) error) (changed *T, err error) {
	scope := scopeOf(ctx)
	id, err := k.id(scope, arn)
	if err != nil {
		return nil, err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		old, ok := k.table.GetTx(tx, scope, id)
		if !ok {
			return k.missing(arn)
		}
		v := *old
		changed = &v
		if err := change(tx, changed); err != nil {
			return err
		}
		return k.table.Put(tx, scope, id, changed)
	})
	return changed, err
}

// scopeOf is whose load balancers the caller sees.
func scopeOf(ctx context.Context) store.Scope {
	caller := wire.CallerOf(ctx)
	return store.Scope{Account: caller.Account, Region: caller.Region}
}

// invalid is the error of a request that makes no sense by itself.
func invalid(format string, args ...any) error {
	return wire.Errorf("ValidationError", format, args...)
}

// contradicts is the error of a request that does not go with what is there.
func contradicts(format string, args ...any) error {
	return wire.Errorf(api.InvalidConfigurationRequestException, format, args...)
}

func ptr[T any](v T) *T { return &v }

// or is what a member of a request says, or what it is when it says nothing.
func or[T any](asked *T, otherwise T) T {
	if asked == nil {
		return otherwise
	}
	return *asked
}
