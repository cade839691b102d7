package ecs

import (
	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire"
)

// The errors of ECS that handlers make. Codes and texts are those of the API: clients match them.

func clientException(format string, args ...any) error {
	return wire.Errorf(api.ClientException, format, args...)
}

func invalidParameter(format string, args ...any) error {
	return wire.Errorf(api.InvalidParameterException, format, args...)
}

func clusterNotFound() error {
	return wire.Errorf(api.ClusterNotFoundException, "Cluster not found.")
}

func resourceNotFound() error {
	return wire.Errorf(api.ResourceNotFoundException, "The specified resource was not found.")
}
