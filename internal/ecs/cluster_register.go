package ecs

import (
	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire"
)

// registerClusters gives the operations on clusters to a server.
func (s *Service) registerClusters(svc *wire.Service) {
	wire.Handle(svc, api.CreateCluster, s.CreateCluster, createClusterRefused...)
	wire.Handle(svc, api.DescribeClusters, s.DescribeClusters)
	wire.Handle(svc, api.ListClusters, s.ListClusters)
	wire.Handle(svc, api.DeleteCluster, s.DeleteCluster)
}

var createClusterRefused = []wire.Option{
	wire.Refuse("configuration", "ECS Exec and managed storage are not there"),
	wire.Refuse("capacityProviders", "capacity providers are not there; launch types FARGATE and EC2 work without"),
	wire.Refuse("defaultCapacityProviderStrategy", "capacity providers are not there; launch types FARGATE and EC2 work without"),
	wire.Refuse("serviceConnectDefaults", "Service Connect is not there"),
	wire.Refuse("settings.value", "Container Insights is not there", "disabled"),
}
