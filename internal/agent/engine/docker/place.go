package docker

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"strings"

	"github.com/moby/moby/api/types/container"
	dockernet "github.com/moby/moby/api/types/network"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/docker/carrier"
)

// place puts a container where its network is: into its task's, the host's, or into one of its own, for which it makes a
// pause container. own says that it has its own.
func (t *task) place(ctx context.Context, spec engine.ContainerSpec, config *container.Config, host *container.HostConfig) (own bool, err error) {
	shared := t.record.Spec
	switch {
	case shared.NetNS != "" || shared.NoNetwork:
		join(t.pauseOf(t.id, ""), config, host)
		return false, nil
	case config.NetworkDisabled:
		host.NetworkMode = "none"
		config.ExposedPorts, host.PortBindings, host.PublishAllPorts, host.Links = nil, nil, false, nil
		return false, nil
	case !t.record.bridged() && !bridged(spec):
		host.NetworkMode = "host"
		leaveNetwork(config, host)
		return false, nil
	}
	inside := carrier.Config{Listen: shared.Listen}
	inside.Metadata()
	net := &container.HostConfig{NetworkMode: "bridge", PortBindings: host.PortBindings, PublishAllPorts: host.PublishAllPorts,
		DNS: host.DNS, DNSSearch: host.DNSSearch, DNSOptions: host.DNSOptions, ExtraHosts: host.ExtraHosts}
	for _, link := range host.Links {
		name, alias, _ := strings.Cut(link, ":")
		if alias == "" {
			alias = name
		}
		net.Links = append(net.Links, t.pauseOf(t.id, name)+":"+alias)
	}
	ports := dockernet.PortSet{}
	maps.Copy(ports, config.ExposedPorts)
	for port := range host.PortBindings {
		ports[port] = struct{}{}
	}
	if err := t.makePause(ctx, t.id, pauseSpec{container: spec.Name, hostname: config.Hostname, ports: ports, config: inside, host: net}); err != nil {
		return false, fmt.Errorf("make the network of container %s: %w", spec.Name, err)
	}
	join(t.pauseOf(t.id, spec.Name), config, host)
	return true, nil
}

// bridged says whether a container is on Docker's bridge.
func bridged(spec engine.ContainerSpec) bool {
	return spec.Host.NetworkMode == "bridge" || spec.Host.NetworkMode == "default"
}

// join has a container join the network of a pause container.
func join(pause string, config *container.Config, host *container.HostConfig) {
	host.NetworkMode = container.NetworkMode("container:" + pause)
	leaveNetwork(config, host)
}

// leaveNetwork takes out of a container's settings what Docker does not take from one that shares another's network.
func leaveNetwork(config *container.Config, host *container.HostConfig) {
	if !host.NetworkMode.IsHost() {
		config.Hostname, config.Domainname = "", ""
		host.DNS, host.DNSSearch, host.DNSOptions, host.ExtraHosts = nil, nil, nil, nil
	}
	config.ExposedPorts = nil
	host.PortBindings, host.PublishAllPorts, host.Links = nil, false, nil
}

// addressIn is the address that Docker gave a container on the bridge.
func addressIn(c container.Summary) netip.Addr {
	if c.NetworkSettings != nil {
		for _, n := range c.NetworkSettings.Networks {
			return addressOf(n.IPAddress)
		}
	}
	return netip.Addr{}
}
