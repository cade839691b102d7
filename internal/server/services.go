package server

import (
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// services gives the ECS service what it asks of its services, which are made over it.
type services struct{ server *Server }

func (v services) Counts(scope store.Scope, cluster string) ecs.ServiceCounts {
	return v.server.Services.Counts(scope, cluster)
}

func (v services) Known(scope store.Scope, cluster, name string) bool {
	return v.server.Services.Known(scope, cluster, name)
}

func (v services) Uses(scope store.Scope, cluster, provider string) bool {
	return v.server.Services.Uses(scope, cluster, provider)
}

func (v services) Refer(scope store.Scope, definition ecs.Revision) bool {
	return v.server.Services.Refer(scope, definition)
}

func (v services) Tagged(scope store.Scope, kind, path string) *ecs.Tagged {
	return v.server.Services.Tagged(scope, kind, path)
}
