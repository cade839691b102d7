package network

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// ContainerNet is the network that a container is to have for itself, as in network mode bridge.
type ContainerNet struct {
	Task, Container string
	// Disabled gives it a namespace with nothing but its own loopback interface.
	Disabled bool          `json:",omitzero"`
	Ports    []PortMapping `json:",omitzero"`
}

// PortMapping publishes ports of a container on all addresses of the host.
type PortMapping struct {
	Container PortRange
	// Host is the first of as many ports of the host. 0: any that are free, one after the other.
	Host     uint16 `json:",omitzero"`
	Protocol string // "tcp" or "udp"
}

// PortRange are ports from First to Last.
type PortRange struct{ First, Last uint16 }

// Count is the number of ports.
func (r PortRange) Count() int { return int(r.Last) - int(r.First) + 1 }

// String is the range as ECS writes it: "8080-8090".
func (r PortRange) String() string { return fmt.Sprintf("%d-%d", r.First, r.Last) }

// Bridged is a container's own network once it stands. It is the same until Unbridge.
type Bridged struct {
	NetNS string // path of the container's namespace
	// Address is the container's own, which the host and the other containers of the bridge reach; Gateway is where it
	// finds the host. Neither is there when its network is disabled.
	Address netip.Addr `json:",omitzero"`
	Gateway netip.Addr `json:",omitzero"`
	Bits    int        `json:",omitzero"` // of the bridge's prefix
	MAC     string     `json:",omitzero"`
	// Resolver answers on the bridge for the host's resolvers, and by names of load balancers; see ResolvConf.
	Resolver netip.Addr  `json:",omitzero"`
	Ports    []Published `json:",omitzero"` // as ContainerNet's, in their order
}

// Published is a port mapping with the ports of the host that it got.
type Published struct {
	Container, Host PortRange
	Protocol        string
}

// PortError says that a port of the host cannot be had.
type PortError struct {
	Port     uint16 // 0: no port, or no range as long as asked for, is free
	Protocol string
	Err      error
}

func (e *PortError) Error() string {
	if e.Port == 0 {
		return fmt.Sprintf("no free host ports (%s): %v", e.Protocol, e.Err)
	}
	return fmt.Sprintf("Bind for 0.0.0.0:%d failed: %v", e.Port, e.Err)
}

func (e *PortError) Unwrap() error { return e.Err }

// errAllocated is Docker's text for a port that another container has.
var errAllocated = errors.New("port is already allocated")

func (c ContainerNet) validate() error {
	if !namePattern.MatchString(c.Task) || c.Container == "" {
		return fmt.Errorf("container %q of task %q cannot name a namespace", c.Container, c.Task)
	}
	for _, p := range c.Ports {
		switch {
		case p.Protocol != "tcp" && p.Protocol != "udp":
			return fmt.Errorf("protocol %q has no ports to publish", p.Protocol)
		case p.Container.First == 0 || p.Container.Last < p.Container.First:
			return fmt.Errorf("%s are no ports", p.Container)
		case p.Host != 0 && int(p.Host)+p.Container.Count()-1 > maxPort:
			return fmt.Errorf("ports %s do not fit from port %d of the host on", p.Container, p.Host)
		}
	}
	return nil
}

const maxPort = 1<<16 - 1

// ResolvConf is what a container on the bridge sees as /etc/resolv.conf, made of the host's: its resolvers are replaced by the
// bridge's, which asks them and knows the names of load balancers. It is the only one: some programs ask all at once, and
// believe the first that has never heard of a name.
func (b Bridged) ResolvConf(host []byte) []byte {
	if !b.Resolver.IsValid() {
		return host
	}
	out := "nameserver " + b.Resolver.String() + "\n"
	for line := range strings.Lines(string(host)) {
		if fields := strings.Fields(line); len(fields) == 0 || fields[0] != "nameserver" {
			out += strings.TrimRight(line, "\n") + "\n"
		}
	}
	return []byte(out)
}

// Hosts is what the container sees as /etc/hosts, with its own names and whatever lines follow.
func (b Bridged) Hosts(lines []string, names ...string) []byte {
	out := "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nff00::0\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"
	for _, line := range lines {
		out += line + "\n"
	}
	if b.Address.IsValid() {
		out += b.Address.String() + "\t" + strings.Join(names, " ") + "\n"
	}
	return []byte(out)
}
