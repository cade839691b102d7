package definition

import (
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
)

// network checks what a container of its own network, or of none, cannot say.
func network(r *request, c *container) error {
	if r.NetworkMode == api.NetworkModeAwsvpc {
		for _, s := range []struct {
			set  bool
			what string
		}{
			{c.Hostname != "", "hostname is"},
			{isSet(c.DisableNetworking), "Disable Networking is"},
			{len(c.DnsServers) > 0, "DNS servers are"},
			{len(c.DnsSearchDomains) > 0, "DNS search domains are"},
			{len(c.ExtraHosts) > 0, "Extra hosts are"},
		} {
			if s.set {
				return invalid("%s not supported on container when networkMode=awsvpc.", s.what)
			}
		}
	}
	for _, h := range c.ExtraHosts {
		if h.Hostname == "" || h.IpAddress == "" {
			return invalid("Invalid 'extraHosts' setting for container '%s'. Both 'hostname' and 'ipAddress' must be specified.", c.Name)
		}
	}
	return nil
}

// links checks the containers that others are linked to: "name" or "name:alias".
func links(r *request) error {
	to := map[string][]string{}
	for i := range r.ContainerDefinitions {
		c := &r.ContainerDefinitions[i]
		if mode := networkMode(r); len(c.Links) > 0 && mode != api.NetworkModeBridge {
			return invalid("Links are not supported when networkMode=%s.", mode)
		}
		for _, link := range c.Links {
			name, _, _ := strings.Cut(link, ":")
			if find(r, name) == nil {
				return invalid("Invalid 'links' setting. Unknown container: '%s'", name)
			}
			to[c.Name] = append(to[c.Name], name)
		}
	}
	if cyclic(r, to) {
		return invalid("Container links should not have a cycle")
	}
	return nil
}

// cyclic tells whether a container leads to itself.
func cyclic(r *request, to map[string][]string) bool {
	const open, closed = 1, 2
	state := map[string]int{}
	var visit func(name string) bool
	visit = func(name string) bool {
		switch state[name] {
		case open:
			return true
		case closed:
			return false
		}
		state[name] = open
		for _, next := range to[name] {
			if visit(next) {
				return true
			}
		}
		state[name] = closed
		return false
	}
	for i := range r.ContainerDefinitions {
		if visit(r.ContainerDefinitions[i].Name) {
			return true
		}
	}
	return false
}
