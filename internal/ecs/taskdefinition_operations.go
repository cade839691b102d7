package ecs

import (
	"context"
	"slices"
	"strings"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// RegisterTaskDefinition makes the next revision of a family.
func (s *Service) RegisterTaskDefinition(ctx context.Context, r *api.RegisterTaskDefinitionRequest) (*api.RegisterTaskDefinitionResponse, error) {
	if err := validate(r); err != nil {
		return nil, err
	}
	if err := validateTags(r.Tags); err != nil {
		return nil, err
	}
	scope, by, now := scopeOf(ctx), wire.CallerOf(ctx).ARN, time.Now()
	var record *TaskDefinition
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		last := 0
		if family, ok := s.Families.GetTx(tx, scope, r.Family); ok {
			last = family.Last
		}
		revision := Revision{Family: r.Family, Number: last + 1}
		record = &TaskDefinition{Definition: define(scope, r, revision, by, now), Tags: r.Tags}
		if err := s.Families.Put(tx, scope, r.Family, &Family{Last: revision.Number}); err != nil {
			return err
		}
		return s.TaskDefinitions.Create(tx, scope, revision.Key(), record)
	})
	if err != nil {
		return nil, err
	}
	return &api.RegisterTaskDefinitionResponse{TaskDefinition: &record.Definition, Tags: present(record.Tags)}, nil
}

// DescribeTaskDefinition describes a revision; of a bare family, the latest active one.
func (s *Service) DescribeTaskDefinition(ctx context.Context, r *api.DescribeTaskDefinitionRequest) (*api.DescribeTaskDefinitionResponse, error) {
	record, err := s.findDefinition(scopeOf(ctx), r.TaskDefinition)
	if err != nil {
		return nil, err
	}
	if record == nil {
		return nil, clientException("Unable to describe task definition.")
	}
	out := &api.DescribeTaskDefinitionResponse{TaskDefinition: &record.Definition, Tags: []api.Tag{}}
	if slices.Contains(r.Include, api.TaskDefinitionFieldTags) {
		out.Tags = present(record.Tags)
	}
	return out, nil
}

// findDefinition is the record that a family, family:revision or ARN names, nil when there is none.
func (s *Service) findDefinition(scope store.Scope, ref string) (*TaskDefinition, error) {
	revision, err := revisionFrom(scope, ref)
	if err != nil {
		return nil, err
	}
	if revision.Number > 0 {
		row, _ := s.TaskDefinitions.Get(scope, revision.Key())
		return row.Value, nil
	}
	return s.latest(scope, revision.Family), nil
}

// latest is the newest active revision of a family, nil when it has none.
func (s *Service) latest(scope store.Scope, family string) *TaskDefinition {
	row, ok := s.Families.Get(scope, family)
	if !ok || !s.familyHas(scope, family, api.TaskDefinitionFamilyStatusActive) {
		return nil
	}
	for n := row.Value.Last; n > 0; n-- {
		d, ok := s.TaskDefinitions.Get(scope, Revision{family, n}.Key())
		if ok && d.Value.Definition.Status == api.TaskDefinitionStatusActive {
			return d.Value
		}
	}
	return nil
}

func familyKey(family string, status api.TaskDefinitionStatus) string {
	return family + "/" + string(status)
}

// DeregisterTaskDefinition makes a revision inactive: no new tasks, no change for running ones.
func (s *Service) DeregisterTaskDefinition(ctx context.Context, r *api.DeregisterTaskDefinitionRequest) (*api.DeregisterTaskDefinitionResponse, error) {
	scope := scopeOf(ctx)
	revision, err := revisionFrom(scope, r.TaskDefinition)
	if err != nil {
		return nil, err
	}
	if revision.Number == 0 {
		return nil, clientException("Invalid revision number. Number: null")
	}
	var record *TaskDefinition
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		found, ok := s.TaskDefinitions.GetTx(tx, scope, revision.Key())
		if !ok {
			return clientException("Unable to describe task definition.")
		}
		if record = found; found.Definition.Status != api.TaskDefinitionStatusActive {
			return nil
		}
		d := *found
		record, d.Definition.Status, d.Definition.DeregisteredAt = &d, api.TaskDefinitionStatusInactive, schema.Now()
		return s.TaskDefinitions.Put(tx, scope, revision.Key(), record)
	})
	if err != nil {
		return nil, err
	}
	return &api.DeregisterTaskDefinitionResponse{TaskDefinition: &record.Definition}, nil
}

// ListTaskDefinitions lists the ARNs of revisions by family and number. familyPrefix names one whole family.
func (s *Service) ListTaskDefinitions(ctx context.Context, r *api.ListTaskDefinitionsRequest) (*api.ListTaskDefinitionsResponse, error) {
	scope := scopeOf(ctx)
	status := r.Status
	if status == "" {
		status = api.TaskDefinitionStatusActive
	}
	p, err := pagingOf(r.NextToken, r.MaxResults, "task definitions", r.FamilyPrefix, string(status), string(r.Sort))
	if err != nil {
		return nil, err
	}
	index, key := definitionsByStatus, string(status)
	if r.FamilyPrefix != "" {
		index, key = definitionsByFamily, familyKey(r.FamilyPrefix, status)
	}
	pages := func(page store.Page) ([]store.Row[TaskDefinition], string) {
		return s.TaskDefinitions.FindPage(scope, index, key, page)
	}
	if r.Sort == api.SortOrderDesc {
		pages = descending(slices.Collect(s.TaskDefinitions.Find(scope, index, key)))
	}
	rows, token := list(p, pages, every)
	return &api.ListTaskDefinitionsResponse{NextToken: token, TaskDefinitionArns: each(rows, func(row store.Row[TaskDefinition]) string {
		return row.Value.Definition.TaskDefinitionArn
	})}, nil
}

// descending pages through rows from the last to the first.
func descending[T any](rows []store.Row[T]) func(store.Page) ([]store.Row[T], string) {
	slices.Reverse(rows)
	return func(page store.Page) ([]store.Row[T], string) {
		rest := rows
		if page.After != "" {
			i := slices.IndexFunc(rows, func(r store.Row[T]) bool { return r.ID < page.After })
			if i < 0 {
				return nil, ""
			}
			rest = rows[i:]
		}
		if len(rest) <= page.Limit {
			return rest, ""
		}
		return rest[:page.Limit], rest[page.Limit-1].ID
	}
}

// ListTaskDefinitionFamilies lists the names of families that begin with familyPrefix.
func (s *Service) ListTaskDefinitionFamilies(ctx context.Context, r *api.ListTaskDefinitionFamiliesRequest) (*api.ListTaskDefinitionFamiliesResponse, error) {
	scope := scopeOf(ctx)
	p, err := pagingOf(r.NextToken, r.MaxResults, "families", r.FamilyPrefix, string(r.Status))
	if err != nil {
		return nil, err
	}
	rows, token := list(p, func(page store.Page) ([]store.Row[Family], string) { return s.Families.List(scope, page) },
		func(row store.Row[Family]) bool {
			return strings.HasPrefix(row.ID, r.FamilyPrefix) && s.familyHas(scope, row.ID, r.Status)
		})
	return &api.ListTaskDefinitionFamiliesResponse{NextToken: token, Families: each(rows, func(row store.Row[Family]) string { return row.ID })}, nil
}

// familyHas tells whether a family is of a status: ACTIVE with at least one active revision, else INACTIVE.
func (s *Service) familyHas(scope store.Scope, family string, status api.TaskDefinitionFamilyStatus) bool {
	active := s.TaskDefinitions.Count(scope, definitionsByFamily, familyKey(family, api.TaskDefinitionStatusActive)) > 0
	switch status {
	case api.TaskDefinitionFamilyStatusActive:
		return active
	case api.TaskDefinitionFamilyStatusInactive:
		return !active
	}
	return true
}
