package ecs

import (
	"context"
	"fmt"
	"slices"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// CreateCapacityProvider makes a capacity provider of an Auto Scaling group.
func (s *Service) CreateCapacityProvider(ctx context.Context, r *api.CreateCapacityProviderRequest) (*api.CreateCapacityProviderResponse, error) {
	scope := scopeOf(ctx)
	if err := validateProviderName(r.Name); err != nil {
		return nil, err
	}
	if err := validateTags(r.Tags); err != nil {
		return nil, err
	}
	if r.AutoScalingGroupProvider == nil {
		return nil, invalidParameter("A capacity provider needs an autoScalingGroupProvider.")
	}
	group, err := newGroup(r.AutoScalingGroupProvider)
	if err != nil {
		return nil, err
	}
	made := &CapacityProvider{Name: r.Name, AutoScalingGroup: group, Status: api.CapacityProviderStatusActive,
		UpdateStatus: api.CapacityProviderUpdateStatusCreateComplete, Tags: r.Tags, CreatedAt: time.Now().UTC()}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if _, ok := s.capacityProvider(tx, scope, made.Name); ok {
			return invalidParameter("The specified capacity provider already exists. To change the configuration of an existing capacity provider, update the capacity provider.")
		}
		if len(s.CapacityProviders.FindTx(tx, scope, providersByGroup, group.AutoScalingGroupArn)) > 0 {
			return clientException("The specified Auto Scaling group ARN is already being used by another capacity provider. Specify a unique Auto Scaling group ARN and try again.")
		}
		return s.CapacityProviders.Put(tx, scope, made.Name, made)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateCapacityProviderResponse{CapacityProvider: new(describeProvider(scope, made, true))}, nil
}

// maxProviders is the most, and by default the number, of capacity providers that are described at once.
const maxProviders = 10

// DescribeCapacityProviders describes the providers named, deleted ones included; without names all active ones, a page
// at a time: of a cluster, those that are associated with it.
func (s *Service) DescribeCapacityProviders(ctx context.Context, r *api.DescribeCapacityProvidersRequest) (*api.DescribeCapacityProvidersResponse, error) {
	scope := scopeOf(ctx)
	associated := func(string) bool { return true }
	if r.Cluster != "" {
		name, err := s.activeCluster(scope, r.Cluster)
		if err != nil {
			return nil, err
		}
		cluster, _ := s.Clusters.Get(scope, name)
		associated = func(provider string) bool { return slices.Contains(cluster.Value.CapacityProviders, provider) }
	}
	p, err := pagingUpTo(maxProviders, r.NextToken, r.MaxResults, "capacity providers", r.Cluster)
	if err != nil {
		return nil, err
	}
	tags := slices.Contains(r.Include, api.CapacityProviderFieldTags)
	out := &api.DescribeCapacityProvidersResponse{CapacityProviders: []api.CapacityProvider{}, Failures: []api.Failure{}}
	if len(r.CapacityProviders) == 0 {
		rows, token := list(p, func(page store.Page) ([]store.Row[CapacityProvider], string) {
			return s.providerPage(scope, page)
		}, func(row store.Row[CapacityProvider]) bool {
			return row.Value.Status == api.CapacityProviderStatusActive && associated(row.ID)
		})
		for _, row := range rows {
			out.CapacityProviders = append(out.CapacityProviders, describeProvider(scope, row.Value, tags))
		}
		out.NextToken = token
		return out, nil
	}
	if len(r.CapacityProviders) > maxPage {
		return nil, invalidParameter("capacityProviders can have at most %d items.", maxPage)
	}
	for _, ref := range r.CapacityProviders {
		name, err := providerFrom(scope, ref)
		provider, ok := s.capacityProvider(nil, scope, name)
		if row, was := s.CapacityProviders.Get(scope, name); was {
			provider, ok = row.Value, true
		}
		if err != nil || !ok || !associated(name) {
			out.Failures = append(out.Failures, missing(ref))
			continue
		}
		out.CapacityProviders = append(out.CapacityProviders, describeProvider(scope, provider, tags))
	}
	return out, nil
}

// providerPage is a page of all providers: those that are built in, then the records in order of their names, none of which
// is FARGATE's.
func (s *Service) providerPage(scope store.Scope, page store.Page) (rows []store.Row[CapacityProvider], next string) {
	switch page.After {
	case "", fargateProvider:
		for _, p := range builtIn {
			if p.Name != page.After {
				rows = append(rows, store.Row[CapacityProvider]{Scope: scope, ID: p.Name, Value: p})
			}
		}
		return rows, fargateSpotProvider
	case fargateSpotProvider:
		page.After = ""
	}
	return s.CapacityProviders.List(scope, page)
}

// UpdateCapacityProvider changes a provider's settings.
func (s *Service) UpdateCapacityProvider(ctx context.Context, r *api.UpdateCapacityProviderRequest) (*api.UpdateCapacityProviderResponse, error) {
	scope := scopeOf(ctx)
	if r.AutoScalingGroupProvider == nil {
		return nil, invalidParameter("autoScalingGroupProvider cannot be empty.")
	}
	changed, err := s.changeProvider(ctx, scope, r.Name, func(tx *store.Tx, p *CapacityProvider) (err error) {
		p.UpdateStatus, p.UpdateReason = api.CapacityProviderUpdateStatusUpdateComplete, ""
		p.AutoScalingGroup, err = changedGroup(p.AutoScalingGroup, r.AutoScalingGroupProvider)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateCapacityProviderResponse{CapacityProvider: new(describeProvider(scope, changed, true))}, nil
}

// DeleteCapacityProvider makes a provider inactive. One that a cluster has stays as it is, and says why.
func (s *Service) DeleteCapacityProvider(ctx context.Context, r *api.DeleteCapacityProviderRequest) (*api.DeleteCapacityProviderResponse, error) {
	scope := scopeOf(ctx)
	deleted, err := s.changeProvider(ctx, scope, r.CapacityProvider, func(tx *store.Tx, p *CapacityProvider) error {
		if clusters := s.Clusters.FindTx(tx, scope, clustersByProvider, p.Name); len(clusters) > 0 {
			p.UpdateStatus = api.CapacityProviderUpdateStatusDeleteFailed
			p.UpdateReason = fmt.Sprintf("The capacity provider cannot be deleted because it is associated with cluster: %s. Remove the capacity provider from the cluster and try again.", clusters[0].ID)
			return nil
		}
		p.Status, p.UpdateStatus, p.UpdateReason = api.CapacityProviderStatusInactive, api.CapacityProviderUpdateStatusDeleteComplete, ""
		p.DeletedAt = time.Now().UTC()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.DeleteCapacityProviderResponse{CapacityProvider: new(describeProvider(scope, deleted, true))}, nil
}

func reserved(provider string) error {
	return invalidParameter("The capacity provider %s is reserved and cannot be changed or deleted.", provider)
}

// changeProvider changes an active provider that has a record.
func (s *Service) changeProvider(ctx context.Context, scope store.Scope, ref string, change func(*store.Tx, *CapacityProvider) error) (changed *CapacityProvider, err error) {
	name, err := providerFrom(scope, ref)
	if err != nil {
		return nil, err
	}
	if name == fargateProvider || name == fargateSpotProvider {
		return nil, reserved(name)
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		old, ok := s.capacityProvider(tx, scope, name)
		if !ok {
			return clientException(textNoProvider)
		}
		p := *old
		changed = &p
		if err := change(tx, changed); err != nil {
			return err
		}
		return s.CapacityProviders.Put(tx, scope, name, changed)
	})
	return changed, err
}
