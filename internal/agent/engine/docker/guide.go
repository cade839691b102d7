package docker

import (
	"cmp"
	"context"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/agent/engine/docker/carrier"
)

// bridgeNetwork is Docker's own network, on which containers in network mode bridge are.
const bridgeNetwork = "bridge"

// guide is what containers on Docker's bridge are told of load balancers, whose addresses are in networks that Docker keeps
// apart from it. The container of a VPC's load balancers is on the bridge too: each address has a route to it in the
// containers' namespaces, and each name a line in their /etc/hosts.
type guide struct {
	mu      sync.Mutex             // guards what follows
	names   map[inVPC][]netip.Addr // of load balancers
	via     map[string]netip.Addr  // where the container of a VPC's load balancers is on the bridge
	changed chan struct{}          // closed and replaced when they change
}

// inVPC is the name of a load balancer.
type inVPC struct{ vpc, name string }

func newGuide() *guide {
	return &guide{names: map[inVPC][]netip.Addr{}, via: map[string]netip.Addr{}, changed: make(chan struct{})}
}

// name has a load balancer found at its addresses; without any, by nobody.
func (g *guide) name(vpc, name string, addrs []netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch key := (inVPC{vpc, name}); {
	case slices.Equal(g.names[key], addrs):
		return
	case len(addrs) == 0:
		delete(g.names, key)
	default:
		g.names[key] = slices.Clone(addrs)
	}
	close(g.changed)
	g.changed = make(chan struct{})
}

// reach has a VPC's load balancers reached by way of an address on the bridge; the zero address: not at all.
func (g *guide) reach(vpc string, via netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.via[vpc] == via:
		return
	case !via.IsValid():
		delete(g.via, vpc)
	default:
		g.via[vpc] = via
	}
	close(g.changed)
	g.changed = make(chan struct{})
}

// signs are the load balancers that can be reached, in order; changed is closed when they are others.
func (g *guide) signs() (signs []carrier.Sign, changed <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, key := range slices.SortedFunc(maps.Keys(g.names), func(a, b inVPC) int { return cmp.Or(cmp.Compare(a.vpc, b.vpc), cmp.Compare(a.name, b.name)) }) {
		if via := g.via[key.vpc]; via.IsValid() {
			signs = append(signs, carrier.Sign{Name: key.name, Addresses: g.names[key], Via: via})
		}
	}
	return signs, g.changed
}

// guided keeps a namespace on the bridge told, as long as the session lasts.
func (l *line) guided(inlet *carrier.Inlet, ended <-chan struct{}) {
	for {
		signs, changed := l.guide.signs()
		if err := inlet.Guide(l.life, signs); err != nil {
			l.config.Log.Debug("a container is not told of load balancers", "task", l.id, "container", l.container, "error", err)
		}
		l.change(func() { l.told = true })
		select {
		case <-changed:
		case <-ended:
			return
		}
	}
}

// tellTime bounds how long a container's start waits until it can find load balancers.
const tellTime = 2 * time.Second

// awaitGuided waits until a container that is about to start finds the load balancers that there are. It is called once its
// pause container runs.
func (b *box) awaitGuided(ctx context.Context) error {
	if signs, _ := b.guide.signs(); len(signs) == 0 {
		return nil
	}
	if err := b.refresh(ctx); err != nil { // which begins the line
		return err
	}
	b.mu.Lock()
	l := b.lines[b.record.Name]
	b.mu.Unlock()
	if l == nil {
		return nil // the pause container has ended, which the start tells
	}
	bounded, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	for {
		l.mu.Lock()
		told, changed := l.told, l.changed
		l.mu.Unlock()
		if told {
			return nil
		}
		select {
		case <-changed:
		case <-l.life.Done():
			return nil
		case <-bounded.Done():
			return ctx.Err() // it finds them later
		}
	}
}
