package ecs

import (
	"slices"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// maxStrategy is the most items that a capacity provider strategy may have.
const maxStrategy = 20

// validateStrategy checks a capacity provider strategy against the providers that the cluster is associated with, and
// returns it with the providers' names in place of ARNs. What the model says of weight and base has been checked. A strategy
// whose weights are all 0 passes: a cluster may have it, but no task can be run by it; see [Service.strategyFor].
func (s *Service) validateStrategy(tx *store.Tx, scope store.Scope, items []api.CapacityProviderStrategyItem, associated []string) ([]api.CapacityProviderStrategyItem, error) {
	if len(items) > maxStrategy {
		return nil, invalidParameter("capacityProviderStrategy can have at most %d items.", maxStrategy)
	}
	var fargate, groups, bases int
	out := make([]api.CapacityProviderStrategyItem, len(items))
	for i, item := range items {
		name, err := providerFrom(scope, item.CapacityProvider)
		if err != nil {
			return nil, err
		}
		p, ok := s.capacityProvider(tx, scope, name)
		if !ok || !slices.Contains(associated, name) {
			return nil, notAssociated()
		}
		if slices.ContainsFunc(out[:i], func(o api.CapacityProviderStrategyItem) bool { return o.CapacityProvider == name }) {
			return nil, invalidParameter("The specified capacity provider strategy cannot contain the capacity provider %s more than once.", name)
		}
		if p.Fargate() {
			fargate++
		} else {
			groups++
		}
		if item.Base > 0 {
			bases++
		}
		out[i] = item
		out[i].CapacityProvider = name
	}
	switch {
	case fargate > 0 && groups > 0:
		return nil, invalidParameter("A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling groups and Fargate providers. Specify one or the other and try again.")
	case bases > 1:
		return nil, invalidParameter("Only one capacity provider in a capacity provider strategy can have a base defined.")
	}
	return out, nil
}

// strategyFor is the strategy by which tasks are run in a cluster: the one asked for, or else the cluster's default. It is
// empty when there is neither. fargate tells what kind of providers it has.
func (s *Service) strategyFor(scope store.Scope, cluster *Cluster, asked []api.CapacityProviderStrategyItem) (items []api.CapacityProviderStrategyItem, fargate bool, err error) {
	items, what := asked, "specified"
	if len(asked) == 0 {
		items, what = cluster.DefaultStrategy, "default"
	}
	if items, err = s.validateStrategy(nil, scope, items, cluster.CapacityProviders); err != nil || len(items) == 0 {
		return nil, false, err
	}
	if !slices.ContainsFunc(items, func(i api.CapacityProviderStrategyItem) bool { return i.Weight > 0 }) {
		return nil, false, invalidParameter("There are no capacity providers with a weight value greater than zero defined in the %s capacity provider strategy. At least one capacity provider must have a weight value greater than zero specified. Update the cluster's default capacity provider strategy or specify a valid capacity provider strategy and try again.", what)
	}
	p, _ := s.capacityProvider(nil, scope, items[0].CapacityProvider)
	return items, p.Fargate(), nil
}

func notAssociated() error {
	return invalidParameter("The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster or specify a valid capacity provider and try again.")
}
