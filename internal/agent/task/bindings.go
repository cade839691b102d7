package task

import (
	"net/netip"
	"slices"
	"strconv"

	dockernetwork "github.com/moby/moby/api/types/network"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/network"
)

// everyAddress is what a published port is bound to.
const everyAddress = "0.0.0.0"

// bindings are the ports of the host by which a container is reached; s is the container as the engine has it.
func (t *task) bindings(c *acs.Container, s *engine.ContainerStatus) []ecs.NetworkBinding {
	switch {
	case t.payload.NetworkMode == "host" && !dockerSaysOf(c).NetworkDisabled:
		return hostBindings(c.PortMappings)
	case t.payload.NetworkMode != "bridge":
		return nil
	}
	published := publishedBy(c.PortMappings, s)
	if own := t.ownOf(c.Name); own != nil {
		published = own.Ports
	}
	var all []ecs.NetworkBinding
	for _, p := range published {
		b := ecs.NetworkBinding{BindIP: everyAddress, Protocol: ecs.TransportProtocol(p.Protocol)}
		if p.Container.Count() > 1 {
			b.ContainerPortRange, b.HostPortRange = p.Container.String(), p.Host.String()
		} else {
			from, to := int32(p.Container.First), int32(p.Host.First)
			b.ContainerPort, b.HostPort = &from, &to
		}
		all = append(all, b)
	}
	return all
}

// hostBindings are a container's ports in host mode, where each is the host's own.
func hostBindings(mappings []acs.PortMapping) []ecs.NetworkBinding {
	var all []ecs.NetworkBinding
	for _, m := range mappings {
		all = append(all, ecs.NetworkBinding{BindIP: everyAddress, ContainerPort: m.ContainerPort, HostPort: m.ContainerPort,
			ContainerPortRange: m.ContainerPortRange, HostPortRange: m.ContainerPortRange, Protocol: ecs.TransportProtocol(m.Protocol)})
	}
	return all
}

// publishedBy are the port mappings as an engine with a bridge of its own has published them: a range as one where the host's
// ports follow one another too, and port by port where they don't.
func publishedBy(mappings []acs.PortMapping, s *engine.ContainerStatus) (all []network.Published) {
	wanted, err := portMappings(mappings)
	if err != nil || s == nil {
		return nil
	}
	left := slices.DeleteFunc(slices.Clone(s.Ports), func(p engine.Port) bool { return p.HostIP.IsValid() && !p.HostIP.Is4() })
	for _, m := range wanted {
		for n := range m.Container.Count() {
			port := m.Container.First + uint16(n)
			i := slices.IndexFunc(left, func(p engine.Port) bool {
				return p.Container == port && p.Protocol == m.Protocol && (m.Host == 0 || p.Host == m.Host+uint16(n))
			})
			if i < 0 {
				continue
			}
			host := left[i].Host
			left = slices.Delete(left, i, i+1)
			if last := len(all) - 1; n > 0 && last >= 0 && all[last].Container.Last+1 == port && all[last].Host.Last+1 == host {
				all[last].Container.Last, all[last].Host.Last = port, host
				continue
			}
			all = append(all, network.Published{Container: network.PortRange{First: port, Last: port},
				Host: network.PortRange{First: host, Last: host}, Protocol: m.Protocol})
		}
	}
	return all
}

// bindPorts has an engine with a bridge of its own publish a container's ports.
func bindPorts(c *acs.Container, spec *engine.ContainerSpec) error {
	wanted, err := portMappings(c.PortMappings)
	if err != nil {
		return err
	}
	exposed, bound := dockernetwork.PortSet{}, dockernetwork.PortMap{}
	for _, m := range wanted {
		for n := range m.Container.Count() {
			port, err := dockernetwork.ParsePort(strconv.Itoa(int(m.Container.First)+n) + "/" + m.Protocol)
			if err != nil {
				return err
			}
			binding := dockernetwork.PortBinding{HostIP: netip.IPv4Unspecified()}
			if m.Host != 0 {
				binding.HostPort = strconv.Itoa(int(m.Host) + n)
			}
			exposed[port] = struct{}{}
			bound[port] = append(bound[port], binding)
		}
	}
	spec.Config.ExposedPorts, spec.Host.PortBindings = exposed, bound
	return nil
}

// exposePorts has the engine know which ports of the host a container on the host's network is to open.
func exposePorts(c *acs.Container, spec *engine.ContainerSpec) error {
	if err := bindPorts(c, spec); err != nil {
		return err
	}
	spec.Host.PortBindings = nil // nobody publishes them
	return nil
}
