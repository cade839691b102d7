package service

import (
	"strconv"
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// order is what tasks of one of a service's revisions are started by, where nothing says yet how many there are to be and where
// they go.
func (s *Scheduler) order(scope store.Scope, v *Service, r *Revision, rollout string) ecs.Order {
	o := ecs.Order{
		Cluster: v.Cluster, Service: v.Name, Revision: r.ID, Rollout: rollout,
		TaskDefinition: r.definition(), LaunchType: s.launchType(scope, r), PlatformVersion: r.Platform, Network: r.Network,
		Constraints: v.Settings.Constraints, Strategy: v.Settings.Strategy,
		Images: r.Images, ManagedTags: v.Settings.ManagedTags, Executable: v.Settings.Executable,
	}
	switch v.Settings.PropagateTags {
	case api.PropagateTagsService:
		o.Tags = v.Tags
	case api.PropagateTagsTaskDefinition:
		o.FromDefinition = true
	}
	at := rolloutOf(v, rollout)
	for _, b := range r.LoadBalancers {
		target := ecs.TaskTarget{Group: b.TargetGroupArn, Container: b.ContainerName, Port: *b.ContainerPort}
		if at != nil && at.Alternate {
			target.Group = alternate(b)
		}
		o.Targets = append(o.Targets, target)
	}
	return o
}

// definition is the task definition of the revision.
func (r *Revision) definition() ecs.Revision {
	family, number, _ := strings.Cut(r.TaskDefinition, ":")
	n, _ := strconv.Atoi(number)
	return ecs.Revision{Family: family, Number: n}
}

// launchType is that by which the revision's tasks are run: its own, or that of its capacity providers.
func (s *Scheduler) launchType(scope store.Scope, r *Revision) api.LaunchType {
	if len(r.Providers) == 0 {
		return r.LaunchType
	}
	if s.ecs.OnFargate(scope, r.Providers[0].CapacityProvider) {
		return api.LaunchTypeFargate
	}
	return api.LaunchTypeEc2
}
