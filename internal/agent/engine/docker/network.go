package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/go-json-experiment/json"
	"github.com/moby/moby/api/types/container"
	dockernet "github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/network"
	"github.com/berth-dev/berth/internal/agent/retry"
)

// Network is the task networking of an engine: each VPC is a network of Docker's own, in which a task's pause container has
// the address that the control plane gave the task.
type Network struct{ *Engine }

// Network returns the engine's task networking.
func (e *Engine) Network() *Network { return &Network{e} }

// vpc is a Docker network.
type vpc struct {
	mu    sync.Mutex
	id    string // Docker's; empty until it is known to be there
	names *network.Names
}

// netnsPrefix begins a network.Attached.NetNS that is no path: what follows is the interface, as JSON.
const netnsPrefix = "docker:"

// Attach makes sure of the VPC's network. The address is taken when the task's pause container starts.
func (n *Network) Attach(ctx context.Context, t network.TaskNet) (network.Attached, error) {
	if err := t.Validate(); err != nil {
		return network.Attached{}, fmt.Errorf("attach task %s: %w", t.Task, err)
	}
	v := n.vpc(t.VPC)
	if err := v.ready(ctx, n.Engine, t); err != nil {
		return network.Attached{}, fmt.Errorf("attach task %s: %w", t.Task, err)
	}
	v.names.Add(t.DNSName, t.Address)
	text, err := json.Marshal(t, json.Deterministic(true))
	if err != nil {
		return network.Attached{}, err
	}
	attached := network.Attached{NetNS: netnsPrefix + string(text)}
	if pool := poolOf(t); isHere(gatewayOf(pool)) {
		attached.HostAddress = t.Address
	}
	return attached, nil
}

// poolOf is the range of a VPC's network, and gatewayOf the address that Docker's machine has in it.
func poolOf(t network.TaskNet) netip.Prefix {
	if t.VPCCIDR.IsValid() {
		return t.VPCCIDR.Masked()
	}
	return t.SubnetCIDR.Masked()
}

func gatewayOf(pool netip.Prefix) netip.Addr { return pool.Addr().Next() }

// isHere says whether an address is one of the machine's that the agent runs on.
func isHere(a netip.Addr) bool {
	addresses, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(addresses, func(has net.Addr) bool {
		p, err := netip.ParsePrefix(has.String())
		return err == nil && p.Addr() == a
	})
}

// Detach takes the task's address off its pause container.
func (n *Network) Detach(ctx context.Context, id string) error {
	if !idPattern.MatchString(id) {
		return nil
	}
	found, err := n.list(ctx, id)
	if err != nil {
		return err
	}
	for _, c := range found {
		var t network.TaskNet
		if c.Labels[labelNet] == "" || json.Unmarshal([]byte(c.Labels[labelNet]), &t) != nil {
			continue
		}
		n.vpc(t.VPC).names.Remove(t.DNSName, t.Address)
		err := n.ask(ctx, makeTime, "take the task off its network", func(ctx context.Context) error {
			_, err := n.api.NetworkDisconnect(ctx, n.networkName(t.VPC), client.NetworkDisconnectOptions{Container: c.ID, Force: true})
			if errdefs.IsInvalidArgument(err) || errdefs.IsConflict(err) || errdefs.IsPermissionDenied(err) || err != nil && strings.Contains(err.Error(), "is not connected") {
				return nil // it is off already
			}
			return err
		})
		if err != nil && !errors.Is(err, engine.ErrNotFound) {
			return err
		}
	}
	return nil
}

// Bridge is not asked: Docker's own bridge serves (engine.Info.Bridges).
func (n *Network) Bridge(context.Context, network.ContainerNet) (network.Bridged, error) {
	return network.Bridged{}, errors.New("docker makes the networks of containers by itself")
}

// Unbridge ends the pause containers of a task whose containers have their own: their ports are free then.
func (n *Network) Unbridge(ctx context.Context, id string) error {
	t := n.task(id)
	if t == nil {
		return nil // its containers are removed, or have never been
	}
	found, err := n.list(ctx, id)
	if err != nil {
		return err
	}
	for _, c := range found {
		if c.Labels[labelRole] != rolePause || c.Labels[labelContainer] == "" || c.State != container.StateRunning {
			continue
		}
		err := n.ask(ctx, askTime, "free the ports of container "+c.Labels[labelContainer], func(ctx context.Context) error {
			_, err := n.api.ContainerKill(ctx, c.ID, client.ContainerKillOptions{Signal: "SIGKILL"})
			if errdefs.IsConflict(err) {
				return nil
			}
			return err
		})
		if err != nil && !errors.Is(err, engine.ErrNotFound) {
			return err
		}
	}
	return n.awaitUnbridged(ctx, id)
}

// awaitUnbridged waits until no container of a task has ports: a killed one has them for a moment.
func (n *Network) awaitUnbridged(ctx context.Context, id string) error {
	for {
		found, err := n.list(ctx, id)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(found, func(c container.Summary) bool {
			return c.Labels[labelRole] == rolePause && c.Labels[labelContainer] != "" && c.State == container.StateRunning
		}) {
			return nil
		}
		if !retry.Pause(ctx, 5*time.Millisecond) {
			return ctx.Err()
		}
	}
}

// BridgedTasks returns nothing: what bridged containers have goes with their task.
func (n *Network) BridgedTasks() []string { return nil }

// List returns the tasks that have an address, ordered by their ids.
func (n *Network) List() []network.TaskNet {
	var list []network.TaskNet
	found, err := n.list(n.life, "")
	if err != nil {
		n.config.Log.Warn("what networks tasks have is not known", "error", err)
		return nil
	}
	for _, c := range found {
		var t network.TaskNet
		if c.Labels[labelNet] != "" && json.Unmarshal([]byte(c.Labels[labelNet]), &t) == nil {
			list = append(list, t)
		}
	}
	slices.SortFunc(list, func(a, b network.TaskNet) int { return cmp.Compare(a.Task, b.Task) })
	return list
}

func (e *Engine) networkName(vpc string) string { return "berth-" + e.config.Instance + "-" + vpc }

func (e *Engine) vpc(id string) *vpc {
	e.mu.Lock()
	defer e.mu.Unlock()
	v := e.nets[id]
	if v == nil {
		v = &vpc{names: network.NewNames(e.config.ResolvConf, e.config.Log)}
		e.nets[id] = v
	}
	return v
}

// ready makes the VPC's network, unless it is there.
func (v *vpc) ready(ctx context.Context, e *Engine, t network.TaskNet) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	name := e.networkName(t.VPC)
	err := e.ask(ctx, askTime, "look for network "+name, func(ctx context.Context) error {
		found, err := e.api.NetworkInspect(ctx, name, client.NetworkInspectOptions{})
		v.id = found.Network.ID
		return err
	})
	if err == nil || !errors.Is(err, engine.ErrNotFound) {
		return err
	}
	pool := poolOf(t)
	if err := e.clash(ctx, pool); err != nil {
		return err
	}
	config := dockernet.IPAMConfig{Subnet: pool, Gateway: gatewayOf(pool)}
	return e.ask(ctx, makeTime, fmt.Sprintf("make a Docker network of %s for %s", pool, t.VPC), func(ctx context.Context) error {
		made, err := e.api.NetworkCreate(ctx, name, client.NetworkCreateOptions{
			Driver: "bridge", IPAM: &dockernet.IPAM{Config: []dockernet.IPAMConfig{config}},
			Labels: map[string]string{labelInstance: e.config.Instance, labelVPC: t.VPC},
		})
		v.id = made.ID
		return err
	})
}

// clash says which network of this machine a VPC's range would cut off: Docker looks at its own networks alone. Where
// Docker's machine is another, which its own bridge tells, only that one can know.
func (e *Engine) clash(ctx context.Context, pool netip.Prefix) error {
	here := false
	err := e.ask(ctx, askTime, "look at Docker's bridge", func(ctx context.Context) error {
		bridge, err := e.api.NetworkInspect(ctx, "bridge", client.NetworkInspectOptions{})
		for _, c := range bridge.Network.IPAM.Config {
			here = here || isHere(c.Gateway)
		}
		if errdefs.IsNotFound(err) { // dockerd --bridge none
			return nil
		}
		return err
	})
	if err != nil || !here {
		return err
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return err
	}
	for _, a := range addresses {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Overlaps(pool) {
			return fmt.Errorf("the VPC's range %s overlaps with %s, which this machine has an interface in: Docker's networks are the host's, so choose a VPC of another range, or --engine native", pool, p.Masked())
		}
	}
	return nil
}

// leg gives the task's pause container its place in the VPC.
func (t *task) leg(p *pauseSpec) error {
	n, err := t.record.net()
	if err != nil {
		return err
	}
	name := t.networkName(n.VPC)
	p.host.NetworkMode = container.NetworkMode(name)
	p.config.MAC = n.MAC
	if p.config.Resolver = n.Resolver; n.Resolver.IsValid() {
		p.config.Loopback = append(p.config.Loopback, n.Resolver)
	}
	p.labels = map[string]string{labelNet: strings.TrimPrefix(t.record.Spec.NetNS, netnsPrefix)}
	p.net = &dockernet.NetworkingConfig{EndpointsConfig: map[string]*dockernet.EndpointSettings{
		name: {IPAMConfig: &dockernet.EndpointIPAMConfig{IPv4Address: n.Address}},
	}}
	return nil
}

// net is the task's network interface; the zero value when it has none of its own.
func (r taskRecord) net() (t network.TaskNet, err error) {
	text, ok := strings.CutPrefix(r.Spec.NetNS, netnsPrefix)
	if !ok {
		if r.Spec.NetNS != "" {
			err = fmt.Errorf("docker has no network namespace %q", r.Spec.NetNS)
		}
		return t, err
	}
	err = json.Unmarshal([]byte(text), &t)
	return t, err
}

// Close does nothing: the Engine's ends all.
func (n *Network) Close() error { return nil }
