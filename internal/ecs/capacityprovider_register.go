package ecs

import (
	"slices"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire"
)

// registerCapacityProviders gives the operations on capacity providers to a server.
func (s *Service) registerCapacityProviders(svc *wire.Service) {
	wire.Handle(svc, api.CreateCapacityProvider, s.CreateCapacityProvider, slices.Concat(capacityProviderRefused, createCapacityProviderNotes)...)
	wire.Handle(svc, api.DescribeCapacityProviders, s.DescribeCapacityProviders)
	wire.Handle(svc, api.UpdateCapacityProvider, s.UpdateCapacityProvider, capacityProviderRefused...)
	wire.Handle(svc, api.DeleteCapacityProvider, s.DeleteCapacityProvider, deleteCapacityProviderRefused...)
}

const (
	noManagedInstances = "ECS Managed Instances are not there"
	noAutoScaling      = "Auto Scaling groups are not there; their machines are started and ended by hand"
)

var capacityProviderRefused = []wire.Option{
	wire.Refuse("cluster", noManagedInstances+", and only their providers are a cluster's"),
	wire.Refuse("managedInstancesProvider", noManagedInstances),
	wire.Refuse("autoScalingGroupProvider.managedScaling.status", noAutoScaling, "DISABLED"),
	wire.Refuse("autoScalingGroupProvider.managedTerminationProtection", noAutoScaling, "DISABLED"),
	wire.Note("autoScalingGroupProvider.managedDraining", "kept; it drains the machines that an Auto Scaling group ends, and none is there to end them"),
}

var createCapacityProviderNotes = []wire.Option{
	wire.Note("autoScalingGroupProvider.autoScalingGroupArn", "a name that is not looked up: a machine belongs to the provider when its "+
		"container instance has the attribute `"+CapacityProviderAttribute+"` with the provider's name, set at registration or by PutAttributes"),
	wire.Note("autoScalingGroupProvider.managedScaling", "kept; without managed scaling nothing reads the sizes and the warm-up"),
}

var deleteCapacityProviderRefused = []wire.Option{
	wire.Refuse("cluster", noManagedInstances+", and only their providers are a cluster's"),
	wire.Note("", "it is deleted at once"),
}
