package ecs

import (
	"context"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// maxClusterProviders is the most capacity providers that a cluster may be associated with.
const maxClusterProviders = 20

// attached is the attachmentsStatus of a cluster with capacity providers: what attaches them is done in one transaction.
const attached = "UPDATE_COMPLETE"

// PutClusterCapacityProviders puts the capacity providers and the default strategy of a cluster in the place of those that
// it had. One by which tasks still run, or that a service has in its strategy, stays.
func (s *Service) PutClusterCapacityProviders(ctx context.Context, r *api.PutClusterCapacityProvidersRequest) (*api.PutClusterCapacityProvidersResponse, error) {
	scope := scopeOf(ctx)
	changed, err := s.changeCluster(ctx, scope, r.Cluster, func(tx *store.Tx, c *Cluster) error {
		before := c.CapacityProviders
		if err := s.associate(tx, scope, c, r.CapacityProviders, r.DefaultCapacityProviderStrategy); err != nil {
			return err
		}
		for _, provider := range before {
			removed := !slices.Contains(c.CapacityProviders, provider)
			if removed && (s.Tasks.Count(scope, taskCounts, clusterCount(c.Name, countActive+"/"+provider)) > 0 || s.config.Services.Uses(scope, c.Name, provider)) {
				return wire.Errorf(api.ResourceInUseException, "The specified capacity provider is in use and cannot be removed.")
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.PutClusterCapacityProvidersResponse{Cluster: new(s.describeCluster(scope, changed, api.ClusterFieldAttachments, api.ClusterFieldSettings, api.ClusterFieldTags))}, nil
}

// associate sets the providers and the default strategy of a cluster.
func (s *Service) associate(tx *store.Tx, scope store.Scope, c *Cluster, refs []string, strategy []api.CapacityProviderStrategyItem) (err error) {
	names := make([]string, 0, len(refs))
	for _, ref := range refs {
		name, err := providerFrom(scope, ref)
		if err != nil {
			return err
		}
		if _, ok := s.capacityProvider(tx, scope, name); !ok {
			return noProvider()
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > maxClusterProviders {
		return invalidParameter("The maximum number of capacity providers per cluster has been exceeded.")
	}
	c.CapacityProviders, c.AttachmentsStatus = names, attached
	c.DefaultStrategy, err = s.validateStrategy(tx, scope, strategy, names)
	return err
}

// sameCapacity tells whether the cluster has the providers and the default strategy that a request names again.
func (c *Cluster) sameCapacity(refs []string, strategy []api.CapacityProviderStrategyItem) bool {
	named := &Cluster{CapacityProviders: slices.Clone(refs), DefaultStrategy: slices.Clone(strategy)}
	for i, ref := range named.CapacityProviders {
		named.CapacityProviders[i] = lastPart(ref)
	}
	for i := range named.DefaultStrategy {
		named.DefaultStrategy[i].CapacityProvider = lastPart(named.DefaultStrategy[i].CapacityProvider)
	}
	named.CapacityProviders = slices.Compact(slices.Sorted(slices.Values(named.CapacityProviders)))
	return sameItems(c.CapacityProviders, named.CapacityProviders) && sameItems(c.DefaultStrategy, named.DefaultStrategy)
}

// lastPart is the name at the end of an ARN, or what is no ARN as it is.
func lastPart(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

// sameItems tells whether two lists have the same items, in whatever order.
func sameItems[T comparable](a, b []T) bool {
	missing := func(in []T) func(T) bool {
		return func(item T) bool { return !slices.Contains(in, item) }
	}
	return len(a) == len(b) && !slices.ContainsFunc(a, missing(b)) && !slices.ContainsFunc(b, missing(a))
}
