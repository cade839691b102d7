package fake

import (
	"cmp"
	"context"
	"maps"
	"net/netip"
	"slices"
	"sync"

	"github.com/berth-dev/berth/internal/agent/network"
)

// Network is networking without any: it remembers which tasks are attached. Like the machine it outlives an agent.
type Network struct {
	mu    sync.Mutex
	tasks map[string]network.TaskNet
	fails error
}

// NewNetwork returns a network that no task is attached to.
func NewNetwork() *Network { return &Network{tasks: map[string]network.TaskNet{}} }

// Fail has Attach fail from now on, or succeed again with nil.
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
