package ecs

import (
	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs/placement"
	"github.com/berth-dev/berth/internal/store"
)

// capacity is where the tasks of a RunTask go: of which launch type they are, and how many of them each capacity provider
// takes. Without providers, all are run by launch type alone.
type capacity struct {
	launchType api.LaunchType
	providers  []provided
}

type provided struct {
	name  string
	tasks int
}

// capacityFor works out where a request's tasks go: by its launch type, by its strategy, or by the cluster's default one.
func (s *Service) capacityFor(scope store.Scope, cluster string, r *api.RunTaskRequest, count int) (capacity, error) {
	if r.LaunchType != "" {
		if len(r.CapacityProviderStrategy) > 0 {
			return capacity{}, invalidParameter("Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.")
		}
		return capacity{launchType: r.LaunchType}, nil
	}
	row, ok := s.Clusters.Get(scope, cluster)
	if !ok {
		return capacity{}, clusterNotFound()
	}
	strategy, fargate, err := s.strategyFor(scope, row.Value, r.CapacityProviderStrategy)
	c := capacity{launchType: api.LaunchTypeEc2}
	if fargate {
		c.launchType = api.LaunchTypeFargate
	}
	if err != nil || len(strategy) == 0 {
		return c, err
	}
	parts := make([]placement.Provider, len(strategy))
	for i, item := range strategy {
		parts[i] = placement.Provider{Base: int(item.Base), Weight: int(item.Weight)}
	}
	for i, n := range placement.Distribute(parts, count) {
		if n > 0 {
			c.providers = append(c.providers, provided{strategy[i].CapacityProvider, n})
		}
	}
	return c, nil
}

// pool are the instances among which the tasks may be placed.
func (c capacity) pool(scope store.Scope, cluster string) pool {
	at := pool{scope: scope, launchType: c.launchType}
	if c.launchType != api.LaunchTypeFargate {
		at.cluster = cluster
	}
	return at
}

// shares are the parts of a launch of count tasks.
func (c capacity) shares(scope store.Scope, cluster string, count int) (out []*share) {
	at := c.pool(scope, cluster)
	for _, p := range c.providers {
		out = append(out, &share{pool: at, provider: p.name, count: p.tasks})
	}
	if len(out) == 0 {
		out = []*share{{pool: at, count: count}}
	}
	return out
}

// requestOf is what a task of a share asks of its machine. Container instances say whose capacity they are by an attribute;
// the machines of Fargate are the capacity of both of its providers.
func (l *launch) requestOf(sh *share) placement.Request {
	r := l.request
	if sh.provider != "" && sh.pool.launchType != api.LaunchTypeFargate {
		r.Part = placement.Attribute{Name: CapacityProviderAttribute, Value: sh.provider}
	}
	return r
}
