package ecs

import (
	"context"
	"errors"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// What package service reads and checks as this one does, with the same texts.

// Resource takes an ARN of the scope apart: "service/default/web" has kind "service" and path "default/web". ok is false when
// s is no ARN at all; the error is what ECS answers to an ARN of somewhere else.
func Resource(scope store.Scope, s string) (kind, path string, ok bool, err error) {
	return resource(scope, s)
}

// KnownCluster is the name of a cluster that must be there, though perhaps it was deleted. It is named as requests name it.
func (s *Service) KnownCluster(scope store.Scope, ref string) (string, error) {
	return s.knownCluster(scope, ref)
}

// Runnable is the task definition that a family, family:revision or ARN names, which must be there and ACTIVE.
func (s *Service) Runnable(scope store.Scope, ref string) (*TaskDefinition, error) {
	d, err := s.findDefinition(scope, ref)
	if err != nil {
		return nil, err
	}
	return d, mayRun(d, d != nil)
}

// RunnableTx says why no task can be started of a revision, nil when one can: its being so is part of the transaction.
func (s *Service) RunnableTx(tx *store.Tx, scope store.Scope, r Revision) error {
	return mayRun(s.TaskDefinitions.GetTx(tx, scope, r.Key()))
}

// LatestPlatform is the platform version of Fargate that LATEST means.
const LatestPlatform = "1.4.0"

// StrategyOf is the capacity provider strategy by which a cluster runs tasks, with the providers' names in it: the one asked
// for, or else the cluster's default. It is empty when there is neither. fargate tells what kind of providers it has.
func (s *Service) StrategyOf(scope store.Scope, cluster string, asked []api.CapacityProviderStrategyItem) (items []api.CapacityProviderStrategyItem, fargate bool, err error) {
	row, ok := s.Clusters.Get(scope, cluster)
	if !ok {
		return nil, false, clusterNotFound()
	}
	return s.strategyFor(scope, row.Value, asked)
}

// ValidateTags checks the tags that a request brings.
func ValidateTags(tags []api.Tag) error { return validateTags(tags) }

// errDry ends a transaction that only tries.
var errDry = errors.New("nothing is to be written")

// CheckNetwork says what is wrong with the subnets and security groups of tasks, nil when nothing is: that a subnet has no free
// address may be otherwise by the time a task is started.
func (s *Service) CheckNetwork(ctx context.Context, scope store.Scope, v *api.AwsVpcConfiguration) error {
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		_, err := s.network.CreateInterface(tx, scope, InterfaceSpec{Subnets: v.Subnets, SecurityGroups: v.SecurityGroups})
		if err != nil && !errors.Is(err, ErrNoAddress) {
			return networkError(err)
		}
		return errDry
	})
	if errors.Is(err, errDry) {
		return nil
	}
	return err
}

// OnFargate tells whether a capacity provider is one of Fargate's. One that was deleted is not.
func (s *Service) OnFargate(scope store.Scope, provider string) bool {
	p, ok := s.capacityProvider(nil, scope, provider)
	return ok && p.Fargate()
}

// RoleARN is the ARN of a role that may have been named by its name alone.
func RoleARN(scope store.Scope, role string) string { return roleARN(scope, role) }

// RolloutTasks are how many of a rollout's tasks, or of a task set's, are on their way to run, and how many run.
func (s *Service) RolloutTasks(scope store.Scope, rollout string) (pending, running int) {
	return s.Tasks.Count(scope, taskCounts, rolloutCount(rollout, countPending)), s.Tasks.Count(scope, taskCounts, rolloutCount(rollout, countRunning))
}
