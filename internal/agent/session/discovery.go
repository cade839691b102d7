package session

import (
	"context"
	"sync"
	"time"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire/client"
)

const (
	// rediscover is how long an answer to DiscoverPollEndpoint is used while it works. Amazon's agent asks as rarely.
	rediscover = 12 * time.Hour
	// misdirected is how long it is used while it doesn't: a control plane that restarts comes back where it was.
	misdirected = 10 * time.Second
)

// discovery remembers where the sockets are, so that a fleet that comes back does not ask first.
type discovery struct {
	mu    sync.Mutex // held while one asks: both sockets are served by one answer
	found *ecs.DiscoverPollEndpointResponse
	until time.Time // found is used
	bad   bool      // the last socket could not be opened
}

// endpoints says where the sockets are.
func (s *Session) endpoints(ctx context.Context) (*ecs.DiscoverPollEndpointResponse, error) {
	d := &s.discovery
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.found != nil && time.Now().Before(d.until) {
		return d.found, nil
	}
	found, err := client.Call(ctx, s.Client, ecs.DiscoverPollEndpoint,
		&ecs.DiscoverPollEndpointRequest{Cluster: s.cluster(), ContainerInstance: s.instance()})
	if err != nil {
		return nil, err
	}
	d.found, d.until, d.bad = found, time.Now().Add(rediscover), false
	return found, nil
}

// opens remembers whether a socket was there.
func (d *discovery) opens(ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case ok && d.bad:
		d.until = time.Now().Add(rediscover)
	case !ok && !d.bad:
		d.until = time.Now().Add(misdirected)
	}
	d.bad = !ok
}
