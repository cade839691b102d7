package ecs

import (
	"fmt"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs/placement"
	"github.com/berth-dev/berth/internal/store"
)

const (
	noCapacity  = "Capacity is unavailable at this time. Please try again later or in a different availability zone"
	noInstances = "No Container Instances were found in your cluster."
	maxFailures = 100
)

// failures tell why tasks of a launch were not placed.
func (s *Service) failures(scope store.Scope, l *launch) (out []api.Failure) {
	for _, sh := range l.shares {
		if short := sh.count - len(sh.chosen); short > 0 {
			out = append(out, s.failuresOf(scope, sh, short)...)
		}
	}
	return out
}

// failuresOf are the failures of a share that is short of some tasks: one for every task on Fargate, elsewhere one for
// every instance.
func (s *Service) failuresOf(scope store.Scope, sh *share, short int) (out []api.Failure) {
	if sh.pool.launchType == api.LaunchTypeFargate {
		detail := placement.Explain(sh.refusals)
		if len(sh.refusals) == 0 {
			detail = s.noMachine(scope, sh)
		}
		for range short {
			out = append(out, api.Failure{Reason: noCapacity, Detail: detail})
		}
		return out
	}
	active := false
	for _, v := range sh.refusals {
		active = active || v.Obstacle != placement.Inactive
		out = append(out, api.Failure{Arn: InstanceARN(scope, sh.pool.cluster, v.Instance), Reason: string(v.Obstacle), Detail: v.Detail})
	}
	switch {
	case sh.provider == "" || active:
		return out
	case len(out) > 0:
		return []api.Failure{{Arn: CapacityProviderARN(scope, sh.provider), Reason: "NO ACTIVE INSTANCES",
			Detail: "No container instance of the provider is ACTIVE."}}
	}
	return []api.Failure{{Arn: CapacityProviderARN(scope, sh.provider), Reason: "EMPTY CAPACITY PROVIDER", Detail: s.noMachine(scope, sh)}}
}

// noMachine says why there is no machine that a share could go to.
func (s *Service) noMachine(scope store.Scope, sh *share) string {
	switch {
	case sh.pool.launchType == api.LaunchTypeFargate:
		return s.noPool(scope)
	case sh.provider != "":
		return fmt.Sprintf("No container instance of the cluster has the attribute %s with the value %s.", CapacityProviderAttribute, sh.provider)
	}
	return noInstances
}

// noPool says that nothing offers Fargate in the scope, and where in the account something does: what is asked of another
// region than the machine's is the likeliest reason.
func (s *Service) noPool(scope store.Scope) string {
	for row := range s.Instances.All() {
		if i := row.Value; i.Pool == FargatePool && i.Status != instanceInactive && row.Scope.Account == scope.Account {
			return fmt.Sprintf("No machine of the Fargate pool is registered in %s. There is one in %s: ask there, or start Berth with --region %s.",
				scope.Region, row.Scope.Region, scope.Region)
		}
	}
	return fmt.Sprintf("No machine of the Fargate pool is registered in %s.", scope.Region)
}
