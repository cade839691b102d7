package docker

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/moby/moby/api/types/container"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/docker/carrier"
)

// place puts a container where its network is: into its task's, or into one of its own, for which it makes and starts a
// pause container. own says that it has its own.
func (t *task) place(ctx context.Context, spec engine.ContainerSpec, config *container.Config, host *container.HostConfig) (own bool, err error) {
	shared := t.record.Spec
	switch {
	case shared.NetNS != "" || shared.NoNetwork:
		join(t.pauseOf(t.id, ""), config, host)
		return false, nil
	case !bridged(spec):
		host.NetworkMode = "host"
		leaveNetwork(config, host)
		return false, nil
	}
	files := carrier.Config{Listen: t.record.Spec.Listen}
	if err := readFiles(&files, spec.ResolvConf, spec.Hosts); err != nil {
		return false, err
	}
	files.Metadata()
	net := &container.HostConfig{NetworkMode: "bridge", PortBindings: host.PortBindings, PublishAllPorts: host.PublishAllPorts,
		DNS: host.DNS, DNSSearch: host.DNSSearch, DNSOptions: host.DNSOptions, ExtraHosts: host.ExtraHosts}
	for _, link := range host.Links {
		name, alias, _ := strings.Cut(link, ":")
		if alias == "" {
			alias = name
		}
		net.Links = append(net.Links, t.pauseOf(t.id, name)+":"+alias)
	}
	if err := t.makePause(ctx, t.id, spec.Name, config.Hostname, files, net, nil); err != nil {
		return false, fmt.Errorf("make the network of container %s: %w", spec.Name, err)
	}
	if err := t.startPause(ctx, t.pauseOf(t.id, spec.Name)); err != nil {
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
