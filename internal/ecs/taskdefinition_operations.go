package ecs

import (
	"context"
	"slices"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// maxRevisions is how many revisions a family can have, deleted ones included.
const maxRevisions = 1_000_000

// RegisterTaskDefinition makes the next revision of a family. The request is valid: see definition.Validate.
func (s *Service) RegisterTaskDefinition(ctx context.Context, r *api.RegisterTaskDefinitionRequest) (*api.RegisterTaskDefinitionResponse, error) {
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
		if last == maxRevisions {
			return wire.Errorf(api.LimitExceededException, "The family %s has had %d revisions, and can have no more.", r.Family, maxRevisions)
		}
		revision := Revision{Family: r.Family, Number: last + 1}
		record = &TaskDefinition{Definition: revise(scope, r, revision, by, now), Tags: r.Tags}
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

// mayRun is the error of a task of a definition that is not there, or not active.
func mayRun(d *TaskDefinition, found bool) error {
	switch {
	case !found:
		return clientException("TaskDefinition not found.")
	case d.Definition.Status != api.TaskDefinitionStatusActive:
		return invalidParameter("TaskDefinition is inactive")
	}
	return nil
}
