package dispatch

import (
	"context"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
)

// Paths of the sockets. An agent adds "/ws" to the endpoints that it is told, and remembers them for twelve hours: they
// don't change while a server lives at its address.
const (
	acsPath = "/acs"
	tcsPath = "/tcs"
)

// DiscoverPollEndpoint tells an agent where its sockets are.
func (d *Dispatcher) DiscoverPollEndpoint(ctx context.Context, _ *api.DiscoverPollEndpointRequest) (*api.DiscoverPollEndpointResponse, error) {
	if _, err := ecs.AgentsOnly(ctx); err != nil {
		return nil, err
	}
	base := d.Endpoint()
	return &api.DiscoverPollEndpointResponse{Endpoint: base + acsPath, TelemetryEndpoint: base + tcsPath}, nil
}
