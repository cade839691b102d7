package definition

import (
	"regexp"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
)

const (
	maxPort   = 65535
	maxRanges = 100 // of ports, in one container
)

var (
	portNameForm = regexp.MustCompile(`^[a-z0-9_][a-z0-9_-]{0,63}$`)
	rangeForm    = regexp.MustCompile(`^(\d{1,5})-(\d{1,5})$`)
)

// matching are the network modes without a second set of ports: those of the host are those of the container.
var matching = []api.NetworkMode{api.NetworkModeAwsvpc, api.NetworkModeHost}

// mappings checks the port mappings of one container.
func mappings(r *request, c *container) error {
	if r.NetworkMode == api.NetworkModeNone && len(c.PortMappings) > 0 {
		return invalid("Port mappings are not supported on container when networkMode=none.")
	}
	ranges := 0
	for i := range c.PortMappings {
		p := &c.PortMappings[i]
		var err error
		if p.ContainerPortRange != "" {
			ranges++
			err = portRange(r, c, p)
		} else {
			err = port(r, c, p)
		}
		switch {
		case err != nil:
			return err
		case p.Name != "" && !portNameForm.MatchString(p.Name):
			return invalid("Invalid port mapping name '%s' for container '%s'. Up to 64 lowercase letters, numbers, underscores, and hyphens "+
				"are allowed, the first of which is not a hyphen.", p.Name, c.Name)
		}
	}
	if ranges > maxRanges {
		return invalid("Container '%s' has %d container port ranges. A container has at most %d.", c.Name, ranges, maxRanges)
	}
	return nil
}

func port(r *request, c *container, p *api.PortMapping) error {
	switch {
	case p.ContainerPort == nil || *p.ContainerPort < 1 || *p.ContainerPort > maxPort:
		return invalid("Invalid 'containerPort' setting for container '%s'.", c.Name)
	case valueOf(p.HostPort) < 0 || valueOf(p.HostPort) > maxPort:
		return invalid("Invalid 'hostPort' setting for container '%s'.", c.Name)
	case slices.Contains(matching, r.NetworkMode) && valueOf(p.HostPort) != 0 && *p.HostPort != *p.ContainerPort:
		return invalid("When networkMode=%s, the host ports and container ports in port mappings must match.", r.NetworkMode)
	}
	return nil
}

func portRange(r *request, c *container, p *api.PortMapping) error {
	switch first, last, ok := rangeOf(p); {
	case p.ContainerPort != nil || p.HostPort != nil:
		return invalid("Invalid port mapping for container '%s', cannot specify both single port and port range.", c.Name)
	case !ok || first < 1 || last > maxPort || first >= last:
		return invalid("Invalid 'containerPortRange' setting for container '%s'.", c.Name)
	case r.NetworkMode == api.NetworkModeHost:
		return invalid("When networkMode=host, 'containerPortRange' is not supported for container '%s'.", c.Name)
	}
	return nil
}

// rangeOf reads the ports "first-last" of a mapping.
func rangeOf(p *api.PortMapping) (first, last int64, ok bool) {
	m := rangeForm.FindStringSubmatch(p.ContainerPortRange)
	if m == nil {
		return 0, 0, false
	}
	first, _ = number(m[1])
	last, _ = number(m[2])
	return first, last, true
}

// used is a range of ports that is taken.
type used struct {
	protocol    api.TransportProtocol
	first, last int64
}

// ports checks that the containers do not take each other's ports: those of the host in any mode, those of the containers
// where these have one network.
func ports(r *request) error {
	var onHost, inTask []used
	for i := range r.ContainerDefinitions {
		for j := range r.ContainerDefinitions[i].PortMappings {
			p := &r.ContainerDefinitions[i].PortMappings[j]
			u := used{protocol: protocolOf(p)}
			if host := int64(valueOf(p.HostPort)); host != 0 {
				u.first, u.last = host, host
				if _, taken := overlap(onHost, u); taken {
					return invalid("%s host port '%d' is mapped multiple times in task.", strings.ToUpper(string(u.protocol)), host)
				}
				onHost = append(onHost, u)
			}
			if !slices.Contains(matching, r.NetworkMode) {
				continue
			}
			var ranged bool
			if u.first, u.last, ranged = rangeOf(p); !ranged {
				u.first, u.last = int64(valueOf(p.ContainerPort)), int64(valueOf(p.ContainerPort))
			}
			if at, taken := overlap(inTask, u); taken {
				return invalid("%s container port '%d' is used multiple times in task when networkMode=%s.",
					strings.ToUpper(string(u.protocol)), at, r.NetworkMode)
			}
			inTask = append(inTask, u)
		}
	}
	return nil
}

// overlap finds the first port of u that others have taken.
func overlap(others []used, u used) (at int64, taken bool) {
	for _, o := range others {
		if at = max(o.first, u.first); o.protocol == u.protocol && at <= min(o.last, u.last) {
			return at, true
		}
	}
	return 0, false
}

func protocolOf(p *api.PortMapping) api.TransportProtocol {
	if p.Protocol == "" {
		return api.TransportProtocolTcp
	}
	return p.Protocol
}

// portNames checks that a name, by which Service Connect finds a port, is one port's.
func portNames(r *request) error {
	seen := map[string]bool{}
	for i := range r.ContainerDefinitions {
		for _, p := range r.ContainerDefinitions[i].PortMappings {
			if p.Name != "" && seen[p.Name] {
				return invalid("When networkMode=%s, port mapping name is already used", networkMode(r))
			}
			seen[p.Name] = true
		}
	}
	return nil
}

// networkMode is the mode that the task runs in.
func networkMode(r *request) api.NetworkMode {
	if r.NetworkMode == "" {
		return api.NetworkModeBridge
	}
	return r.NetworkMode
}
