package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	dockernet "github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/docker/carrier"
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

// start has the container run, on the bridge too where Docker has one.
func (f *footing) start(ctx context.Context) error {
	image, err := f.pause.ready(ctx, f.Engine)
	if err != nil {
		return err
	}
	_, err = f.inspect(ctx, f.container())
	if errors.Is(err, engine.ErrNotFound) {
		err = f.make(ctx, image)
	}
	if err == nil {
		err = f.connect(ctx)
	}
	if err != nil {
		return err
	}
	err = f.ask(ctx, makeTime, "start the container of load balancers", func(ctx context.Context) error {
		_, err := f.api.ContainerStart(ctx, f.container(), client.ContainerStartOptions{})
		return err
	})
	if err != nil {
		return err
	}
	has, err := f.inspect(ctx, f.container())
	if err != nil {
		return err
	}
	if at := has.NetworkSettings.Networks[bridgeNetwork]; at != nil {
		f.guide.reach(f.vpc, addressOf(at.IPAddress))
	}
	return nil
}

// connect puts the container on Docker's bridge, unless it is there.
func (f *footing) connect(ctx context.Context) error {
	has, err := f.inspect(ctx, f.container())
	if err != nil || has.NetworkSettings.Networks[bridgeNetwork] != nil {
		return err
	}
	return f.ask(ctx, makeTime, "put the container of load balancers on the bridge", func(ctx context.Context) error {
		_, err := f.api.NetworkConnect(ctx, bridgeNetwork, client.NetworkConnectOptions{Container: f.container()})
		if errdefs.IsNotFound(err) { // dockerd --bridge none
			return nil
		}
		return err
	})
}

func (f *footing) make(ctx context.Context, image string) error {
	own := f.pool.Addr()
	for range footingOffset {
		own = own.Next()
	}
	host := &container.HostConfig{NetworkMode: container.NetworkMode(f.networkName(f.vpc)), CapDrop: []string{"ALL"},
		CapAdd: []string{"NET_ADMIN", "NET_BIND_SERVICE"}, SecurityOpt: []string{"no-new-privileges"}, LogConfig: container.LogConfig{Type: "none"},
		Sysctls: map[string]string{"net.ipv4.ip_forward": "0"}} // it is no way between its networks
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
