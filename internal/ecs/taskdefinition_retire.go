package ecs

import (
	"context"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/store"
)

// A revision is retired in two steps: deregistered, it starts no more tasks; deleted, it is gone once no task is left of it.

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
		record = found
		switch found.Definition.Status {
		case api.TaskDefinitionStatusInactive:
			return nil
		case api.TaskDefinitionStatusDeleteInProgress:
			return clientException("The task definition could not be deregistered because it is in the process of being deleted.")
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

// maxDeleted is how many revisions one request deletes.
const maxDeleted = 10

// Reasons why a revision is not deleted.
const (
	notDeletedName    = "The specified task definition identifier is invalid. Specify a valid name or ARN and try again."
	notDeletedMissing = "The specified task definition does not exist. Specify a valid account, family, revision and try again."
	notDeletedActive  = "The specified task definition is still in ACTIVE status. Please deregister the target and try again."
)

// DeleteTaskDefinitions marks inactive revisions for deletion, each by itself: failures[] tell of those that are not. A
// revision that is marked already is answered as it is.
func (s *Service) DeleteTaskDefinitions(ctx context.Context, r *api.DeleteTaskDefinitionsRequest) (*api.DeleteTaskDefinitionsResponse, error) {
	switch n := len(r.TaskDefinitions); {
	case n == 0:
		return nil, invalidParameter("taskDefinitions can not be empty.")
	case n > maxDeleted:
		return nil, invalidParameter("taskDefinitions can have at most %d items.", maxDeleted)
	}
	out := &api.DeleteTaskDefinitionsResponse{}
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		out.TaskDefinitions, out.Failures = []api.TaskDefinition{}, []api.Failure{}
		for _, ref := range r.TaskDefinitions {
			d, why, err := s.markDeleted(tx, scopeOf(ctx), ref)
			switch {
			case err != nil:
				return err
			case why != "":
				out.Failures = append(out.Failures, api.Failure{Arn: ref, Reason: why})
			default:
				out.TaskDefinitions = append(out.TaskDefinitions, d.Definition)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// markDeleted marks one revision, or says why it can't be.
func (s *Service) markDeleted(tx *store.Tx, scope store.Scope, ref string) (_ *TaskDefinition, why string, _ error) {
	revision, err := revisionFrom(scope, ref)
	if err != nil || revision.Number == 0 {
		return nil, notDeletedName, nil
	}
	found, ok := s.TaskDefinitions.GetTx(tx, scope, revision.Key())
	switch {
	case !ok:
		return nil, notDeletedMissing, nil
	case found.Definition.Status == api.TaskDefinitionStatusActive:
		return nil, notDeletedActive, nil
	case found.Definition.Status == api.TaskDefinitionStatusDeleteInProgress:
		return found, "", nil
	}
	d := *found
	d.Definition.Status, d.Definition.DeleteRequestedAt = api.TaskDefinitionStatusDeleteInProgress, schema.Now()
	return &d, "", s.TaskDefinitions.Put(tx, scope, revision.Key(), &d)
}
