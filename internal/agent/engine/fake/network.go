package fake

import (
	"cmp"
	"context"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/berth-dev/berth/internal/agent/network"
)

// Network is networking without any: it remembers which tasks are attached. Like the machine it outlives an agent.
type Network struct {
	mu      sync.Mutex
	tasks   map[string]network.TaskNet
	bridged map[string]network.Bridged // by task and container
	last    int                        // address given
	port    uint16                     // next to be given
	fails   error
}

// NewNetwork returns a network that no task is attached to.
func NewNetwork() *Network {
	return &Network{tasks: map[string]network.TaskNet{}, bridged: map[string]network.Bridged{}, port: 32768}
}

// Fail has Attach and Bridge fail from now on, or succeed again with nil.
func (n *Network) Fail(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fails = err
}

// Attach remembers the task. The host reaches no task here; the address is the host's own.
func (n *Network) Attach(_ context.Context, net network.TaskNet) (network.Attached, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fails != nil {
		return network.Attached{}, n.fails
	}
	n.tasks[net.Task] = net
	return network.Attached{NetNS: "/run/netns/" + net.Task, HostAddress: netip.AddrFrom4([4]byte{127, 0, 0, 1})}, nil
}

// Detach forgets the task.
func (n *Network) Detach(_ context.Context, task string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.tasks, task)
	return nil
}

// List returns the attached tasks, ordered by id.
func (n *Network) List() []network.TaskNet {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.SortedFunc(maps.Values(n.tasks), func(a, b network.TaskNet) int { return cmp.Compare(a.Task, b.Task) })
}

// Bridge remembers the container. It gets the n-th address of a bridge that nobody reaches, and ports of the host by
// arithmetic.
func (n *Network) Bridge(_ context.Context, c network.ContainerNet) (network.Bridged, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fails != nil {
		return network.Bridged{}, n.fails
	}
	key := c.Task + "/" + c.Container
	if b, ok := n.bridged[key]; ok {
		return b, nil
	}
	b := network.Bridged{NetNS: "/run/netns/" + key}
	if !c.Disabled {
		n.last++
		b.Address, b.Gateway, b.Bits = netip.AddrFrom4([4]byte{10, 1, byte(n.last >> 8), byte(n.last)}), netip.MustParseAddr("10.1.0.1"), 16
		b.MAC, b.Resolver = "02:00:00:00:00:01", netip.MustParseAddr("10.1.0.2")
		for _, p := range c.Ports {
			first := p.Host
			if first == 0 {
				first, n.port = n.port, n.port+uint16(p.Container.Count())
			}
			b.Ports = append(b.Ports, network.Published{Container: p.Container, Protocol: p.Protocol,
				Host: network.PortRange{First: first, Last: first + uint16(p.Container.Count()) - 1}})
		}
	}
	n.bridged[key] = b
	return b, nil
}

// Unbridge forgets the task's containers.
func (n *Network) Unbridge(_ context.Context, task string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	maps.DeleteFunc(n.bridged, func(key string, _ network.Bridged) bool { return strings.HasPrefix(key, task+"/") })
	return nil
}

// BridgedTasks returns the tasks whose containers are remembered, in order.
func (n *Network) BridgedTasks() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	tasks := map[string]bool{}
	for key := range n.bridged {
		task, _, _ := strings.Cut(key, "/")
		tasks[task] = true
	}
	return slices.Sorted(maps.Keys(tasks))
}
