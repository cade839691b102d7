package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/agent/network"
	"github.com/berth-dev/berth/internal/elb/accesslog"
	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/elb/node"
	"github.com/berth-dev/berth/internal/elb/room"
	"github.com/berth-dev/berth/internal/hostsfile"
	"github.com/berth-dev/berth/internal/instance"
	"github.com/berth-dev/berth/internal/operator"
	"github.com/berth-dev/berth/internal/wire"
)

// loopback are the addresses at which load balancers are published.
var loopback = []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")}

// openBalancing makes the data path of load balancers, on the ground that the engine has.
func (m *machine) openBalancing() error {
	key, err := stickyKey(m.in.Path("sticky-key"))
	if err != nil {
		return err
	}
	// Each client's connection may have one to a target; the rest of what this process may open is left to its other parts.
	most := &room.Room{Most: int64(wire.MostConnections() / 3)}
	protocols := node.Protocols{Key: key, Room: most}
	if m.o.accessLogs != "" {
		logs := accesslog.Open(m.o.accessLogs, m.log)
		m.closeLater(logs.Close)
		protocols.Log = logs.Keep
	}
	config := node.Config{Ground: m.ground, Serve: protocols.Serve, Loopback: loopback, Fast: m.o.fast, Log: m.log}
	ports := publishedPorts(m.in.Path("published-ports.json"))
	if config.Before, err = ports.read(); err != nil {
		m.log.Warn("load balancers may be published at other ports than before", "error", err)
	}
	config.Keep = ports.write
	if !m.o.noHosts && os.Getuid() == 0 {
		names := &hostNames{file: hostsFile(m.in)}
		config.Hosts = names
		m.closeLater(names.close)
	}
	m.balancing = node.New(config)
	m.closeLater(m.balancing.Close)
	return nil
}

// stickyKey is the key of the cookies by which clients stay with their targets. It lies in a file, so that they do after a
// restart.
func stickyKey(path string) ([]byte, error) {
	const size = 32
	key, err := os.ReadFile(path)
	if err == nil && len(key) == size {
		return key, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the key of sticky clients: %w", err)
	}
	key = make([]byte, size)
	_, _ = rand.Read(key) // never fails
	return key, instance.WriteFile(path, key, 0o600)
}

// publishedPorts is the file that has load balancers be published at the same ports after a restart.
type publishedPorts string

func (p publishedPorts) read() (ports map[string]uint16, err error) {
	text, err := os.ReadFile(string(p))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &ports)
	}
	return ports, err
}

func (p publishedPorts) write(ports map[string]uint16) error {
	text, err := json.Marshal(ports, json.Deterministic(true))
	if err != nil {
		return err
	}
	return instance.WriteFile(string(p), text, 0o600)
}

// yield leaves a port of this machine, at which load balancers may be published, to a task that names it.
func (m *machine) yield(port uint16) bool { return m.balancing != nil && m.balancing.Yield(port) }

// Published lists where load balancers are found on this machine.
func (m *machine) Published(context.Context) []operator.Published {
	all := []operator.Published{}
	for arn, published := range m.balancing.Balancers() {
		for _, p := range published {
			all = append(all, operator.Published{LoadBalancer: arn, Listener: p.Listener, URL: p.URL, Problem: p.Err})
		}
	}
	slices.SortFunc(all, func(a, b operator.Published) int { return cmp.Compare(a.Listener, b.Listener) })
	return all
}

// networks are the agent's, as load balancers need them.
type networks interface {
	Stand(ctx context.Context, at network.BalancerNet) error
	Leave(ctx context.Context, at network.BalancerNet) error
	Listen(ctx context.Context, vpc string, at netip.AddrPort) (net.Listener, error)
	ListenPacket(ctx context.Context, vpc string, at netip.AddrPort) (net.PacketConn, error)
	Dial(ctx context.Context, network, vpc string, from netip.Addr, to netip.AddrPort) (net.Conn, error)
	Name(vpc, name string, addrs []netip.Addr) error
	Forget(vpc, name string) error
}

// ground is that of load balancers: the networks of this machine's tasks, and the machine itself.
type ground struct{ networks }

// Stand makes an address of the load balancer be there.
func (g ground) Stand(ctx context.Context, vpc string, at balancer.Address) error {
	return g.networks.Stand(ctx, placeOf(vpc, at))
}

// Leave undoes Stand.
func (g ground) Leave(ctx context.Context, vpc string, at balancer.Address) error {
	return g.networks.Leave(ctx, placeOf(vpc, at))
}

func placeOf(vpc string, at balancer.Address) network.BalancerNet {
	return network.BalancerNet{VPC: vpc, VPCCIDR: at.VPCCIDR, SubnetCIDR: at.CIDR, Gateway: at.Gateway, Address: at.IP}
}

// DialInstance connects to a port of this machine, which is all the instances that there are: containers publish theirs on it.
func (g ground) DialInstance(ctx context.Context, network, _ string, port uint16) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
}

// hostNames has this machine's programs find load balancers by their names, where its resolver does not know by itself that
// all below localhost is this machine.
type hostNames struct {
	file hostsfile.File

	mu     sync.Mutex
	asked  bool // whether it knows
	needed bool
}

func hostsFile(in *instance.Instance) hostsfile.File {
	return hostsfile.File{Path: "/etc/hosts", Instance: in.ID}
}

// Set has the names be found.
func (h *hostNames) Set(names []string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(names) > 0 && !h.asked {
		h.asked, h.needed = true, !found("berth-"+h.file.Instance+".elb.localhost")
	}
	if !h.needed {
		names = nil
	}
	return h.file.Set(names)
}

func (h *hostNames) close() error { return h.Set(nil) }

// findTime bounds how long the machine's resolver may look for a name.
const findTime = 5 * time.Second

// found tells whether this machine's programs find a name. Where none can be asked, it is taken for not found.
func found(name string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), findTime)
	defer cancel()
	return exec.CommandContext(ctx, "getent", "ahosts", name).Run() == nil
}
