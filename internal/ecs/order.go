package ecs

import (
	"context"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// Order is an order to start tasks of a service.
type Order struct {
	Cluster  string // name
	Service  string // name
	Revision string // id of the service revision
	Rollout  string // startedBy of the tasks: "ecs-svc/9223370605410261451"

	// Count is how many tasks to start. It is told by Providers and Instances, where there are some.
	Count int
	// TaskDefinition may have been deregistered since the service was made.
	TaskDefinition Revision
	LaunchType     api.LaunchType // that of the providers, where there are some
	// Providers are the capacity providers of the service's strategy that are to take tasks, and how many each.
	Providers []ProviderShare
	// Instances are container instances by their ids, each of which is to get one task: those of a DAEMON.
	Instances       []string
	PlatformVersion string
	Network         *api.AwsVpcConfiguration
	Constraints     []api.PlacementConstraint
	Strategy        []api.PlacementStrategy
	// Zones are how many tasks each availability zone has already: new ones go where there are fewest, as long as there is
	// room and Strategy says nothing else. Nil: zones are not balanced.
	Zones map[string]int
	// Zone is the only zone that will do; empty: any.
	Zone string
	// Images are what the tags of the definition's images stand for in the revision, by container; it may lack any.
	Images []api.ContainerImage
	// Targets are what the tasks are to be registered as.
	Targets []TaskTarget

	// Tags are those of the service, where it propagates them; FromDefinition adds the definition's, and ManagedTags those
	// of ECS: aws:ecs:clusterName and aws:ecs:serviceName.
	Tags           []api.Tag
	FromDefinition bool
	ManagedTags    bool
	Executable     bool
}

// ProviderShare is a capacity provider's share of an order.
type ProviderShare struct {
	Provider string // name
	Count    int
}

// Launched is what came of an order: the ids of the tasks that are committed, and why others are not, as RunTask tells it.
type Launched struct {
	Tasks    []string
	Failures []api.Failure
}

// maxOrdered is how many tasks one transaction starts. Each writes three rows at most.
const maxOrdered = 50

// LaunchFor places and commits tasks of a service in one transaction, at most 50: of a larger order the first ones, and the caller asks
// again for what is missing. also runs in the transaction, as the store's Update has it, with the tasks' ids; when it fails nothing is committed. When there is room for no task
// there is no transaction: Failures tell why. Other errors are those that RunTask answers.
func (s *Service) LaunchFor(ctx context.Context, scope store.Scope, o Order, also func(tx *store.Tx, tasks []string) error) (Launched, error) {
	l, err := s.launchFor(scope, &o)
	if err != nil {
		return Launched{}, err
	}
	if l.also = also; len(l.shares) == 0 {
		return Launched{}, nil
	}
	if err := s.launch(ctx, scope, l, nil); err != nil {
		return Launched{}, err
	}
	return Launched{Tasks: l.ran.Tasks, Failures: l.ran.Failures}, nil
}

// CheckOrder says what is wrong with an order whatever room there is, nil when nothing is: in RunTask's words.
func (s *Service) CheckOrder(scope store.Scope, o Order) error {
	_, err := s.launchFor(scope, &o)
	return err
}

// launchFor checks an order and works out its launch.
func (s *Service) launchFor(scope store.Scope, o *Order) (*launch, error) {
	definition, ok := s.TaskDefinitions.Get(scope, o.TaskDefinition.Key())
	if !ok {
		return nil, mayRun(nil, false)
	}
	r := &api.RunTaskRequest{Cluster: o.Cluster, TaskDefinition: o.TaskDefinition.String(), LaunchType: o.LaunchType, StartedBy: o.Rollout,
		PlatformVersion: o.PlatformVersion, PlacementConstraints: o.Constraints, PlacementStrategy: o.Strategy,
		EnableExecuteCommand: o.Executable, EnableECSManagedTags: o.ManagedTags, Tags: o.Tags}
	if o.Network != nil {
		r.NetworkConfiguration = &api.NetworkConfiguration{AwsvpcConfiguration: o.Network}
	}
	if o.FromDefinition {
		r.PropagateTags = api.PropagateTagsTaskDefinition
	}
	l, err := s.launchOfDefinition(scope, o.Cluster, definition.Value, r)
	if err != nil {
		return nil, err
	}
	t := &l.template
	t.Service, t.Revision, t.Group, t.Targets = o.Service, o.Revision, serviceGroup(o.Service), o.Targets
	if o.ManagedTags {
		t.Tags = append(t.Tags, api.Tag{Key: "aws:ecs:serviceName", Value: o.Service})
	}
	for _, image := range o.Images {
		if c, ok := t.Container(image.ContainerName); ok {
			c.Pinned = pinned(c.Image, image.ImageDigest)
		}
	}
	l.request.Group = t.placementGroup()
	o.narrow(&l.request)
	l.shares, err = s.sharesFor(scope, o)
	return l, err
}

// serviceGroup is the group of a service's tasks. RunTask gives nobody a group of that name.
func serviceGroup(name string) string { return "service:" + name }

// sharesFor are the parts of an order's launch: up to the number of tasks that one transaction starts.
func (s *Service) sharesFor(scope store.Scope, o *Order) (shares []*share, err error) {
	left := maxOrdered
	add := func(sh *share, n int) {
		if sh.count = min(n, left); sh.count > 0 {
			left -= sh.count
			shares = append(shares, sh)
		}
	}
	at := capacity{launchType: o.LaunchType}.pool(scope, o.Cluster)
	switch {
	case len(o.Instances) > 0:
		for _, id := range o.Instances {
			if i, ok := s.instance(scope, o.Cluster, id); ok {
				add(&share{pool: poolOf(scope, i), instance: id}, 1)
			}
		}
	case len(o.Providers) > 0:
		for _, p := range o.Providers {
			add(&share{pool: at, provider: p.Provider, zones: o.balance()}, p.Count)
		}
	default:
		add(&share{pool: at, zones: o.balance()}, o.Count)
	}
	return shares, nil
}

// Eligible are the ids of a cluster's container instances that an order's tasks may go to, whether there is room on them
// now or not: those that are ACTIVE, have what the definition requires and meet the constraints.
func (s *Service) Eligible(scope store.Scope, o Order) (ids []string, err error) {
	l, err := s.launchFor(scope, &o)
	if err != nil {
		return nil, err
	}
	r := l.request
	r.Pool = capacity{launchType: o.LaunchType}.pool(scope, o.Cluster).name()
	s.placer.mu.Lock()
	defer s.placer.mu.Unlock()
	return s.placer.ledger.Eligible(r), nil
}
