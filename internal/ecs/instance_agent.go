package ecs

import (
	"context"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire"
)

// UpdateContainerAgent says why an instance's agent is not updated: nobody here has an update for it.
func (s *Service) UpdateContainerAgent(ctx context.Context, r *api.UpdateContainerAgentRequest) (*api.UpdateContainerAgentResponse, error) {
	if _, err := AgentsOnly(ctx); err != nil {
		return nil, err
	}
	scope := scopeOf(ctx)
	cluster, err := s.activeCluster(scope, r.Cluster)
	if err != nil {
		return nil, err
	}
	id, err := instanceFrom(scope, cluster, r.ContainerInstance)
	if err != nil {
		return nil, err
	}
	i, ok := s.instance(scope, cluster, id)
	switch {
	case !ok || i.Status == instanceInactive:
		return nil, invalidParameter("The referenced container instance was not found.")
	case i.Agent.Version == "":
		return nil, wire.Errorf(api.MissingVersionException, "The version of the agent on the container instance is not known.")
	}
	return nil, wire.Errorf(api.NoUpdateAvailableException, "There is no update available for your container agent.")
}
