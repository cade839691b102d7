package ecs

import (
	"context"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// PutAttributes gives attributes to container instances: all of a request or none. The next placement sees them.
func (s *Service) PutAttributes(ctx context.Context, r *api.PutAttributesRequest) (*api.PutAttributesResponse, error) {
	put, err := s.changeAttributes(ctx, r.Cluster, r.Attributes, func(i *Instance, a api.Attribute) (bool, error) {
		return true, i.setAttribute(a)
	})
	if err != nil {
		return nil, err
	}
	return &api.PutAttributesResponse{Attributes: put}, nil
}

// DeleteAttributes takes attributes off container instances, and returns those that were there.
func (s *Service) DeleteAttributes(ctx context.Context, r *api.DeleteAttributesRequest) (*api.DeleteAttributesResponse, error) {
	deleted, err := s.changeAttributes(ctx, r.Cluster, r.Attributes, func(i *Instance, a api.Attribute) (bool, error) {
		return i.dropAttribute(a.Name), nil
	})
	if err != nil {
		return nil, err
	}
	return &api.DeleteAttributesResponse{Attributes: deleted}, nil
}

// changeAttributes changes attributes of instances of a cluster, and returns those that it did something to.
func (s *Service) changeAttributes(ctx context.Context, clusterRef string, attributes []api.Attribute,
	change func(*Instance, api.Attribute) (bool, error)) (done []api.Attribute, err error) {
	if _, err := AgentsOnly(ctx); err != nil {
		return nil, err
	}
	scope := scopeOf(ctx)
	cluster, err := s.activeCluster(scope, clusterRef)
	if err != nil {
		return nil, err
	}
	switch {
	case len(attributes) == 0:
		return nil, invalidParameter("attributes can not be empty.")
	case len(attributes) > maxAttributes:
		return nil, invalidParameter("attributes can have at most %d items.", maxAttributes)
	}
	for _, a := range attributes {
		if err := validateAttribute(a); err != nil {
			return nil, err
		}
	}
	var changed map[string]bool
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		done, changed = []api.Attribute{}, map[string]bool{}
		for _, a := range attributes {
			i, err := s.target(ctx, tx, scope, cluster, a)
			if err != nil {
				return err
			}
			did, err := change(i, a)
			if err != nil {
				return err
			}
			if !did {
				continue
			}
			if !changed[i.ID] {
				i.Version++
			}
			if err := s.Instances.Put(tx, scope, i.ID, i); err != nil {
				return err
			}
			done = append(done, attributeOf(scope, i, a))
			changed[i.ID] = true
		}
		return nil
	})
	for id := range changed {
		s.placer.look(scope, id)
	}
	return done, err
}

// target is a copy of the instance that an attribute is for.
func (s *Service) target(ctx context.Context, tx *store.Tx, scope store.Scope, cluster string, a api.Attribute) (*Instance, error) {
	if a.TargetId == "" {
		return nil, invalidParameter("The attribute %s has no targetId.", a.Name)
	}
	id, err := instanceFrom(scope, cluster, a.TargetId)
	if err != nil {
		return nil, err
	}
	old, ok := s.Instances.GetTx(tx, scope, id)
	if !ok || old.Cluster != cluster || !old.shown() || old.Status == instanceInactive {
		return nil, wire.Errorf(api.TargetNotFoundException, "The specified target wasn't found: %s", a.TargetId)
	}
	if err := mayChange(ctx, old); err != nil {
		return nil, err
	}
	i := *old
	return &i, nil
}

// attributeOf is an instance's attribute as the API shows it.
func attributeOf(scope store.Scope, i *Instance, a api.Attribute) api.Attribute {
	return api.Attribute{Name: a.Name, Value: a.Value, TargetId: InstanceARN(scope, i.Cluster, i.ID)}
}

// ListAttributes lists the attributes of a cluster's instances, built-in ones included.
func (s *Service) ListAttributes(ctx context.Context, r *api.ListAttributesRequest) (*api.ListAttributesResponse, error) {
	scope := scopeOf(ctx)
	cluster, err := s.activeCluster(scope, r.Cluster)
	if err != nil {
		return nil, err
	}
	if r.AttributeValue != "" && r.AttributeName == "" {
		return nil, invalidParameter("attributeValue needs an attributeName.")
	}
	p, err := pagingOf(r.NextToken, r.MaxResults, "attributes", cluster, r.AttributeName, r.AttributeValue)
	if err != nil {
		return nil, err
	}
	all := []api.Attribute{}
	last := "" // instance and name of the last one in all
	instance, name, _ := strings.Cut(p.after, "/")
	for row := range s.instancesFrom(scope, cluster, instance) {
		for _, a := range sortedAttributes(row.Value) {
			passes := (r.AttributeName == "" || a.Name == r.AttributeName) && (r.AttributeValue == "" || a.Value == r.AttributeValue)
			if !passes || row.ID == instance && a.Name <= name {
				continue
			}
			if len(all) == p.limit {
				return &api.ListAttributesResponse{Attributes: all, NextToken: wire.NextToken(last, p.listing...)}, nil
			}
			all, last = append(all, attributeOf(scope, row.Value, a)), row.ID+"/"+a.Name
		}
	}
	return &api.ListAttributesResponse{Attributes: all}, nil
}

// instancesFrom yields the registered instances of a cluster in order of their ids, from one on; empty: from the first.
func (s *Service) instancesFrom(scope store.Scope, cluster, first string) func(yield func(store.Row[Instance]) bool) {
	return func(yield func(store.Row[Instance]) bool) {
		for row := range s.Instances.Find(scope, InstancesByCluster, cluster) {
			if row.ID >= first && row.Value.Status != instanceInactive && !yield(row) {
				return
			}
		}
	}
}

func sortedAttributes(i *Instance) []api.Attribute {
	return slices.SortedFunc(slices.Values(i.Attributes), func(a, b api.Attribute) int { return strings.Compare(a.Name, b.Name) })
}
