package session

import (
	"context"
	"sync"
	"time"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire/client"
)

// rediscover is how long an answer to DiscoverPollEndpoint is used, as long as it works. Amazon's agent asks as rarely.
const rediscover = 12 * time.Hour

// discovery remembers where the sockets are, so that a fleet that comes back does not ask first.
type discovery struct {
	mu    sync.Mutex // held while one asks: both sockets are served by one answer
	found *ecs.DiscoverPollEndpointResponse
	at    time.Time
}

// endpoints says where the sockets are.
func (s *Session) endpoints(ctx context.Context) (*ecs.DiscoverPollEndpointResponse, error) {
	d := &s.discovery
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.found != nil && time.Since(d.at) < rediscover {
		return d.found, nil
	}
	found, err := client.Call(ctx, s.Client, ecs.DiscoverPollEndpoint,
		&ecs.DiscoverPollEndpointRequest{Cluster: s.cluster(), ContainerInstance: s.instance()})
	if err != nil {
		return nil, err
	}
	d.found, d.at = found, time.Now()
	return found, nil
}

// misdirected forgets where the sockets are: they were not there.
func (s *Session) misdirected() {
	s.discovery.mu.Lock()
	defer s.discovery.mu.Unlock()
	s.discovery.found = nil
}
