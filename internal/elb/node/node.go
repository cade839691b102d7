package node

import (
	"context"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/elb/target"
)

// Config is what a node is made of.
type Config struct {
	Ground balancer.Ground
	// Serve makes what answers at a listener, by the listener's protocol.
	Serve Serving
	// Loopback are the addresses of this machine that load balancers are published at; none: they are not.
	Loopback []netip.Addr
	// Before is what Keep was handed last by the process before this one: listeners are published at the same ports again. Keep
	// is handed the ports whenever they change; nil: they are not kept.
	Before map[string]uint16
	Keep   func(ports map[string]uint16) error
	// Hosts makes names known to this machine's programs; nil: they find them by themselves.
	Hosts Hosts
	// Fast ends draining as soon as a target has nothing open.
	Fast bool
	Log  *slog.Logger
}

// Hosts makes names known to this machine's programs.
type Hosts interface {
	// Set has the names, and no others, lead to the loopback address.
	Set(names []string) error
}

// Node holds the load balancers and target groups of one server. It is the Plane of package elb.
type Node struct {
	config   Config
	log      *slog.Logger
	fronts   *fronts
	groups   *groups
	watchers watchers
	memory   memory

	mu     sync.Mutex
	lives  map[string]*life // load balancers, by ARN
	ending map[*life]bool   // load balancers that were removed and are not gone yet
	closed bool

	naming sync.Mutex // one change of the names that the machine knows at a time
}

// New makes a node that holds nothing yet.
func New(config Config) *Node {
	n := &Node{config: config, log: config.Log, fronts: newFronts(config.Loopback, config.Before), lives: map[string]*life{}, ending: map[*life]bool{},
		memory: memory{keep: config.Keep}}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	n.groups = newGroups(target.Config{Dialer: config.Ground, Fast: config.Fast, Changed: n.watchers.tell})
	return n
}

// SetBalancer has a load balancer be as described from now on.
func (n *Node) SetBalancer(b *balancer.Balancer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	if l := n.lives[b.ARN]; l != nil {
		l.set(b)
		return
	}
	l := newLife(n, b)
	n.lives[b.ARN] = l
	go l.run()
}

// RemoveBalancer ends a load balancer. One that is not there is no error.
func (n *Node) RemoveBalancer(arn string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.lives[arn]
	if l == nil || n.closed {
		return
	}
	delete(n.lives, arn)
	n.ending[l] = true
	l.set(nil)
	go func() {
		<-l.ended
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.ending, l)
	}()
}

// SetGroup has a target group be as described from now on.
func (n *Node) SetGroup(g *balancer.Group) { n.groups.set(g) }

// RemoveGroup ends a target group. One that is not there is no error.
func (n *Node) RemoveGroup(arn string) { n.groups.remove(arn) }

// Group is the live target group of that ARN, nil when there is none.
func (n *Node) Group(arn string) *target.Group { return n.groups.Group(arn) }

// Health tells how the targets of a group are: nil when it is not there.
func (n *Node) Health(group string) map[balancer.TargetKey]balancer.Health {
	if g := n.groups.Group(group); g != nil {
		return g.Health()
	}
	return nil
}

// Watch calls told with the ARN of each group in which some target's health changes, until stop is called.
func (n *Node) Watch(told func(group string)) (stop func()) { return n.watchers.add(told) }

// State tells how far it has come with a load balancer.
func (n *Node) State(arn string) balancer.Standing {
	n.mu.Lock()
	l := n.lives[arn]
	n.mu.Unlock()
	if l == nil {
		return balancer.Standing{Code: balancer.Provisioning, Reason: "It has not begun."}
	}
	return l.standing()
}

// Published tells where people reach a load balancer's listeners.
func (n *Node) Published(arn string) []balancer.Published {
	n.mu.Lock()
	l := n.lives[arn]
	n.mu.Unlock()
	if l == nil {
		return nil
	}
	return l.published()
}

// Balancers are where all load balancers are published, by their ARNs.
func (n *Node) Balancers() map[string][]balancer.Published {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := map[string][]balancer.Published{}
	for arn, l := range n.lives {
		all[arn] = l.published()
	}
	return all
}

// yieldTime bounds how long a load balancer that is busy may take to leave a port.
const yieldTime = 5 * time.Second

// Yield leaves a port of this machine to a task that asks for it, and tells whether load balancers had it. They are published
// at the next free one.
func (n *Node) Yield(port uint16) (had bool) {
	n.mu.Lock()
	lives := slices.Collect(maps.Values(n.lives))
	n.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), yieldTime)
	defer cancel()
	n.fronts.yield(port)
	for _, l := range lives {
		had = l.yield(ctx, port) || had
	}
	if had {
		n.log.Info("load balancers leave a port of this machine to a task", "port", port)
	}
	return had
}

// remember has the ports at which listeners are published be the same after a restart.
func (n *Node) remember() {
	if err := n.memory.note(n.fronts.ports); err != nil {
		n.log.Warn("after a restart load balancers may be published at other ports", "error", err)
	}
}

// nameOnHost makes the names of the load balancers known to this machine's programs.
func (n *Node) nameOnHost() {
	if n.config.Hosts == nil {
		return
	}
	n.naming.Lock()
	defer n.naming.Unlock()
	if err := n.config.Hosts.Set(n.names()); err != nil {
		n.log.Warn("this machine's programs may not find load balancers by their names", "error", err)
	}
}

func (n *Node) names() (names []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.lives {
		if b := l.wanted(); b != nil {
			names = append(names, b.DNSName)
		}
	}
	slices.Sort(names)
	return names
}

// Close ends everything, and waits for it. What stands on the ground stays there: it is made again by the next start.
func (n *Node) Close() error {
	n.mu.Lock()
	n.closed = true
	lives := slices.AppendSeq(slices.Collect(maps.Values(n.lives)), maps.Keys(n.ending))
	n.mu.Unlock()
	n.memory.end()
	for _, l := range lives {
		l.halt()
	}
	for _, l := range lives {
		<-l.ended
	}
	n.groups.close()
	return nil
}
