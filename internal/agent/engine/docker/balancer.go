package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	dockernet "github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/docker/carrier"
	"github.com/berth-dev/berth/internal/agent/network"
)

// footing is where load balancers stand in a VPC: a container of the pause program on the VPC's network, which takes their
// addresses beside its own, listens at them, and dials from them. So it works wherever Docker runs. The addresses are there as
// long as this agent is attached; whoever listens is told when that ends, and what he asks for next begins it anew.
type footing struct {
	*Engine
	vpc  string
	pool netip.Prefix

	mu     sync.Mutex // guards what follows
	inlet  *carrier.Inlet
	stands map[netip.Addr]func() error // how to leave, of this session
	doors  map[netip.AddrPort]*door
}

// roleBalancer is that of a footing's container.
const roleBalancer = "balancer"

// footingOffset is where in the VPC's range the footing's own address is: EC2 keeps it, and gives it to nobody.
const footingOffset = 3

func (n *Network) footing(b network.BalancerNet) *footing {
	n.mu.Lock()
	defer n.mu.Unlock()
	f := n.footings[b.VPC]
	if f == nil {
		f = &footing{Engine: n.Engine, vpc: b.VPC, pool: b.VPCCIDR, stands: map[netip.Addr]func() error{}, doors: map[netip.AddrPort]*door{}}
		n.footings[b.VPC] = f
	}
	return f
}

func (n *Network) footingOf(vpc string, addr netip.Addr) (*footing, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if f := n.footings[vpc]; f != nil {
		return f, nil
	}
	return nil, fmt.Errorf("no load balancer's address %s in %s: %w", addr, vpc, syscall.EADDRNOTAVAIL)
}

// Stand makes a load balancer's address be there, in its VPC's network, which is made if need be.
func (n *Network) Stand(ctx context.Context, b network.BalancerNet) error {
	if err := b.Validate(); err != nil {
		return fmt.Errorf("load balancer's address: %w", err)
	}
	if err := n.vpc(b.VPC).ready(ctx, n.Engine, network.TaskNet{VPC: b.VPC, VPCCIDR: b.VPCCIDR, SubnetCIDR: b.SubnetCIDR}); err != nil {
		return fmt.Errorf("load balancer's address %s: %w", b.Address, err)
	}
	f := n.footing(b)
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.stands[b.Address]; !ok {
		f.stands[b.Address] = nil
	}
	_, err := f.session(ctx)
	return err
}

// Leave undoes Stand. The last to leave ends the container.
func (n *Network) Leave(ctx context.Context, b network.BalancerNet) error {
	f, err := n.footingOf(b.VPC, b.Address)
	if err != nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if leave := f.stands[b.Address]; leave != nil {
		_ = leave() // fails when the session has ended, and the address is gone with it
	}
	delete(f.stands, b.Address)
	if len(f.stands) > 0 {
		return nil
	}
	err = removeContainer(ctx, f.api, f.container())
	if errdefs.IsNotFound(err) {
		err = nil
	}
	return err
}

// Listen takes TCP connections at an address that stands. Its listener ends with the session, by io.EOF.
func (n *Network) Listen(ctx context.Context, vpc string, at netip.AddrPort) (net.Listener, error) {
	f, err := n.footingOf(vpc, at.Addr())
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	inlet, err := f.session(ctx)
	if err != nil {
		return nil, err
	}
	d := &door{at: at, came: make(chan net.Conn), ended: make(chan struct{})}
	f.doors[at] = d
	if d.stop, err = inlet.Bind(ctx, at); err != nil {
		delete(f.doors, at)
		return nil, fmt.Errorf("listen at %s: %w", at, err)
	}
	d.leave = func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.doors[at] == d {
			delete(f.doors, at)
		}
	}
	return d, nil
}

// ListenPacket takes UDP packets at an address that stands.
func (n *Network) ListenPacket(ctx context.Context, vpc string, at netip.AddrPort) (net.PacketConn, error) {
	inlet, err := n.attached(ctx, vpc, at.Addr())
	if err != nil {
		return nil, err
	}
	return inlet.Packets(ctx, at)
}

// Dial connects to an address of the VPC. Where the VPC's network is this machine's, it is from the network's gateway, which
// costs a tenth of what the way through the container does; elsewhere from the address that stands.
func (n *Network) Dial(ctx context.Context, network, vpc string, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	f, err := n.footingOf(vpc, from)
	if err != nil {
		return nil, err
	}
	if f.pool.Contains(to.Addr()) && isHere(gatewayOf(f.pool)) {
		return new(net.Dialer).DialContext(ctx, network, to.String())
	}
	inlet, err := n.attached(ctx, vpc, from)
	if err != nil {
		return nil, err
	}
	return inlet.DialFrom(ctx, network, from, to)
}

func (n *Network) attached(ctx context.Context, vpc string, at netip.Addr) (*carrier.Inlet, error) {
	f, err := n.footingOf(vpc, at)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.session(ctx)
}

// Name has the VPC's resolver answer a load balancer's name with its addresses.
func (n *Network) Name(vpc, name string, addrs []netip.Addr) error {
	n.vpc(vpc).names.Name(name, addrs)
	return nil
}

// Forget undoes Name.
func (n *Network) Forget(vpc, name string) error {
	n.vpc(vpc).names.Forget(name)
	return nil
}

func (f *footing) container() string {
	return "ecs-" + f.config.Instance + "-internalecsbalancer-" + f.vpc
}

// session is that with the container, begun if there is none, and has all addresses stand. It is called with mu held.
func (f *footing) session(ctx context.Context) (*carrier.Inlet, error) {
	if f.inlet == nil {
		if err := f.start(ctx); err != nil {
			return nil, fmt.Errorf("load balancers in %s: %w", f.vpc, err)
		}
		inlet, err := f.attach(ctx)
		if err != nil {
			return nil, fmt.Errorf("load balancers in %s: %w", f.vpc, err)
		}
		f.inlet = inlet
	}
	for addr, leave := range f.stands {
		if leave != nil {
			continue
		}
		leave, err := f.inlet.Stand(ctx, addr)
		if err != nil {
			return nil, fmt.Errorf("load balancer's address %s in %s: %w", addr, f.vpc, err)
		}
		f.stands[addr] = leave
	}
	return f.inlet, nil
}

// start has the container run.
func (f *footing) start(ctx context.Context) error {
	image, err := f.pause.ready(ctx, f.Engine)
	if err != nil {
		return err
	}
	_, err = f.inspect(ctx, f.container())
	if errors.Is(err, engine.ErrNotFound) {
		err = f.make(ctx, image)
	}
	if err != nil {
		return err
	}
	return f.ask(ctx, makeTime, "start the container of load balancers", func(ctx context.Context) error {
		_, err := f.api.ContainerStart(ctx, f.container(), client.ContainerStartOptions{})
		return err
	})
}

func (f *footing) make(ctx context.Context, image string) error {
	own := f.pool.Addr()
	for range footingOffset {
		own = own.Next()
	}
	host := &container.HostConfig{NetworkMode: container.NetworkMode(f.networkName(f.vpc)), CapDrop: []string{"ALL"},
		CapAdd: []string{"NET_ADMIN", "NET_BIND_SERVICE"}, SecurityOpt: []string{"no-new-privileges"}, LogConfig: container.LogConfig{Type: "none"}}
	at := &dockernet.NetworkingConfig{EndpointsConfig: map[string]*dockernet.EndpointSettings{
		f.networkName(f.vpc): {IPAMConfig: &dockernet.EndpointIPAMConfig{IPv4Address: own}},
	}}
	return f.ask(ctx, makeTime, "make the container of load balancers", func(ctx context.Context) error {
		_, err := f.api.ContainerCreate(ctx, client.ContainerCreateOptions{Name: f.container(), HostConfig: host, NetworkingConfig: at,
			Config: &container.Config{Image: image, Cmd: []string{"{}"}, OpenStdin: true, Healthcheck: noHealthcheck(),
				Labels: map[string]string{labelInstance: f.config.Instance, labelRole: roleBalancer, labelVPC: f.vpc}}})
		if errdefs.IsConflict(err) { // an agent that died has made it
			return nil
		}
		return err
	})
}

// attach begins a session with the container.
func (f *footing) attach(ctx context.Context) (*carrier.Inlet, error) {
	bounded, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	attached, err := f.api.ContainerAttach(bounded, f.container(), client.ContainerAttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		return nil, explain("attach to the container of load balancers", err)
	}
	r, w := io.Pipe()
	said := &tail{}
	f.going.Go(func() {
		_, err := stdcopy.StdCopy(w, said, attached.Reader)
		w.CloseWithError(err)
	})
	stop := context.AfterFunc(bounded, attached.Close)
	inlet, err := carrier.Attach(attached.Conn, r)
	if !stop() || err != nil {
		attached.Close()
		r.Close()
		return nil, fmt.Errorf("attach to the container of load balancers: %w %s", errors.Join(err, bounded.Err()), said)
	}
	f.going.Go(func() {
		defer context.AfterFunc(f.life, attached.Close)()
		err := inlet.Serve(carrier.Handler{Visit: f.visit})
		attached.Close()
		r.Close()
		inlet.Close()
		f.broken(inlet, err)
	})
	return inlet, nil
}

// broken notes that a session has ended, and tells those who listen.
func (f *footing) broken(inlet *carrier.Inlet, err error) {
	f.config.Log.Debug("the line to load balancers' addresses broke off", "vpc", f.vpc, "error", err)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.inlet != inlet {
		return
	}
	f.inlet = nil
	for addr := range f.stands {
		f.stands[addr] = nil
	}
	for _, d := range f.doors {
		d.end()
	}
	clear(f.doors)
}

// visit hands a connection to whoever listens where it came to.
func (f *footing) visit(v carrier.Visit) {
	f.mu.Lock()
	d := f.doors[v.At]
	f.mu.Unlock()
	if d == nil {
		v.Close()
		return
	}
	select {
	case d.came <- v:
	case <-d.ended:
		v.Close()
	}
}

// door is a listener at an address of a load balancer.
type door struct {
	at    netip.AddrPort
	came  chan net.Conn
	ended chan struct{}
	once  sync.Once
	stop  func() error
	leave func()

	mu     sync.Mutex
	closed bool
}

func (d *door) end() { d.once.Do(func() { close(d.ended) }) }

func (d *door) Accept() (net.Conn, error) {
	select {
	case conn := <-d.came:
		return conn, nil
	case <-d.ended:
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.closed {
			return nil, net.ErrClosed
		}
		return nil, io.EOF
	}
}

func (d *door) Addr() net.Addr { return net.TCPAddrFromAddrPort(d.at) }

func (d *door) Close() error {
	d.mu.Lock()
	first := !d.closed
	d.closed = true
	d.mu.Unlock()
	if first {
		_ = d.stop() // fails when the session has ended
		d.leave()
	}
	d.end()
	return nil
}
