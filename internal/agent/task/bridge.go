package task

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/network"
)

// ownNetwork is the network of a container that shares none with its task's others: in network mode bridge, or where the
// definition disables it.
type ownNetwork struct {
	network.Bridged
	disabled          bool
	hostname          string
	resolvConf, hosts string // files
}

// metadataListen is where the engine listens for a task inside its network, or inside its containers' own.
var metadataListen = netip.AddrPortFrom(network.MetadataAddress, network.MetadataPort).String()

// hasOwnNetwork says whether a container is to have a network of its own that the engine doesn't make.
func (t *task) hasOwnNetwork(c *acs.Container) bool {
	switch t.payload.NetworkMode {
	case "bridge":
		return !t.engineBridges
	case "host":
		return !t.engineBridges && dockerSaysOf(c).NetworkDisabled
	}
	return false
}

// dockerSays is what concerns networks in a container's dockerConfig.
type dockerSays struct {
	NetworkDisabled bool
	Hostname        string
}

func dockerSaysOf(c *acs.Container) (says dockerSays) {
	if c.DockerConfig != nil {
		_ = decodeDocker(c.DockerConfig.Config, &says) // config tells of an error
	}
	return says
}

// layOwnNetworks makes the networks of the containers that have their own, and has the engine listen in them.
func (t *task) layOwnNetworks(ground *groundwork, spec *engine.TaskSpec) (err error) {
	if ground.own, ground.failed, err = t.ownNetworks(); err != nil {
		return err
	}
	if t.payload.NetworkMode == "bridge" {
		spec.ListenIn = listenIn(ground.own)
		if t.engineBridges || len(spec.ListenIn) > 0 {
			spec.Listen = metadataListen
		}
	}
	return nil
}

// ownNetworks makes the networks of the containers that have their own, and what of them they see in /etc. A container that
// can't have the ports that it asks for is among the failed.
func (t *task) ownNetworks() (own map[string]*ownNetwork, failed map[string]error, err error) {
	own, failed = map[string]*ownNetwork{}, map[string]error{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var errs []error
	for i := range t.payload.Containers {
		c := &t.payload.Containers[i]
		if !t.hasOwnNetwork(c) || t.progress.Containers[c.Name].Failed != "" {
			continue
		}
		wg.Go(func() {
			n, err := t.ownNetwork(c)
			mu.Lock()
			defer mu.Unlock()
			var taken *network.PortError
			switch {
			case err == nil:
				own[c.Name] = n
			case errors.As(err, &taken):
				failed[c.Name] = taken
			default:
				errs = append(errs, err)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil || len(own) == 0 {
		return own, failed, err
	}
	return own, failed, t.writeEtc(own)
}

func (t *task) ownNetwork(c *acs.Container) (*ownNetwork, error) {
	says := dockerSaysOf(c)
	n := &ownNetwork{disabled: says.NetworkDisabled, hostname: says.Hostname}
	if n.hostname == "" {
		n.hostname = fmt.Sprintf("%x", sha256.Sum256([]byte(t.id+"/"+c.Name)))[:12]
	}
	wanted := network.ContainerNet{Task: t.id, Container: c.Name, Disabled: n.disabled}
	if !n.disabled {
		var err error
		if wanted.Ports, err = portMappings(c.PortMappings); err != nil {
			return nil, fmt.Errorf("port mappings of container %s: %w", c.Name, err)
		}
	}
	var err error
	n.Bridged, err = t.Network.Bridge(t.life, wanted)
	return n, err
}

// portMappings are those of a payload in the network's terms.
func portMappings(mappings []acs.PortMapping) (all []network.PortMapping, err error) {
	for _, m := range mappings {
		p := network.PortMapping{Protocol: strings.ToLower(string(m.Protocol))}
		if p.Protocol == "" {
			p.Protocol = "tcp"
		}
		switch {
		case m.ContainerPortRange != "":
			if p.Container, err = portRange(m.ContainerPortRange); err != nil {
				return nil, err
			}
		case m.ContainerPort != nil:
			p.Container = network.PortRange{First: uint16(*m.ContainerPort), Last: uint16(*m.ContainerPort)}
			if m.HostPort != nil {
				p.Host = uint16(*m.HostPort)
			}
		default:
			return nil, errors.New("one has no port")
		}
		all = append(all, p)
	}
	return all, nil
}

// portRange reads "8080-8090".
func portRange(text string) (r network.PortRange, err error) {
	first, last, _ := strings.Cut(text, "-")
	for _, end := range []struct {
		text string
		port *uint16
	}{{first, &r.First}, {last, &r.Last}} {
		n, err := strconv.ParseUint(end.text, 10, 16)
		if err != nil {
			return r, fmt.Errorf("%q is not a range of ports", text)
		}
		*end.port = uint16(n)
	}
	return r, nil
}

// writeEtc writes what containers with networks of their own see as /etc/resolv.conf and /etc/hosts.
func (t *task) writeEtc(own map[string]*ownNetwork) error {
	host, err := os.ReadFile("/etc/resolv.conf")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for i := range t.payload.Containers {
		c := &t.payload.Containers[i]
		n := own[c.Name]
		if n == nil {
			continue
		}
		if !n.disabled {
			if n.resolvConf, err = t.file(filepath.Join("bridge", c.Name, "resolv.conf"), n.ResolvConf(host)); err != nil {
				return err
			}
		}
		content := n.Hosts(t.linkedHosts(c, own), n.hostname)
		if n.hosts, err = t.file(filepath.Join("bridge", c.Name, "hosts"), content); err != nil {
			return err
		}
	}
	return nil
}

// listenIn are the networks in which the task's listener is wanted.
func listenIn(own map[string]*ownNetwork) (paths []string) {
	for _, n := range own {
		if !n.disabled {
			paths = append(paths, n.NetNS)
		}
	}
	slices.Sort(paths)
	return paths
}

// setOwn keeps the containers' own networks for those who ask about the task.
func (t *task) setOwn(own map[string]*ownNetwork) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.own = own
}

// ownOf is a container's own network; nil when it has none.
func (t *task) ownOf(container string) *ownNetwork {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.own[container]
}

// joinNetwork puts a container into its own network, if it has one, or tells an engine that makes it what it is to be like.
func (t *task) joinNetwork(c *acs.Container, spec *engine.ContainerSpec) error {
	if n := t.ownOf(c.Name); n != nil {
		spec.NetNS, spec.ResolvConf, spec.Hosts, spec.Config.Hostname = n.NetNS, n.resolvConf, n.hosts, n.hostname
		return nil
	}
	switch {
	case spec.Config.NetworkDisabled:
	case t.payload.NetworkMode == "host":
		return exposePorts(c, spec)
	case t.payload.NetworkMode == "bridge" && t.engineBridges:
		spec.Host.Links = c.Links
		return bindPorts(c, spec)
	}
	return nil
}
