package task

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/network"
)

// groundwork is what a task's containers share, once it is made.
type groundwork struct {
	endpoint string // URL of the task's own listener; empty without one
	// own are the networks that containers have for themselves; failed are the containers that cannot have theirs.
	own    map[string]*ownNetwork
	failed map[string]error
}

// layGround makes what the task's containers share: its network, its files, its place in the engine, its listener.
// attached is closed once its network stands. A stop does not cut it short: each step is done in milliseconds.
func (t *task) layGround(attached chan<- struct{}) (*groundwork, error) {
	spec := engine.TaskSpec{Task: t.id}
	if t.payload.Cpu != nil {
		spec.CPU, spec.CPUHard = int64(*t.payload.Cpu*1024), true
	}
	if t.payload.Memory != nil {
		spec.Memory = int64(*t.payload.Memory) << 20
	}
	if err := os.MkdirAll(t.dir(), 0o700); err != nil {
		return nil, initialization(err)
	}
	if err := t.makeToken(); err != nil {
		return nil, initialization(err)
	}
	switch t.payload.NetworkMode {
	case "awsvpc":
		if err := t.attach(&spec); err != nil {
			return nil, err
		}
		close(attached)
	case "host":
		spec.Listen = "127.0.0.1:0"
		if err := t.asHost(&spec); err != nil {
			return nil, initialization(err)
		}
	case "none":
		spec.NoNetwork = true
		var err error
		if spec.Hosts, err = t.file("hosts", []byte("127.0.0.1 localhost\n::1 localhost\n")); err != nil {
			return nil, initialization(err)
		}
	}
	ground := &groundwork{}
	if err := t.layOwnNetworks(ground, &spec); err != nil {
		return nil, initialization(err)
	}
	spec.PIDMode, spec.IPCMode = engine.NamespaceMode(t.payload.PidMode), engine.NamespaceMode(t.payload.IpcMode)
	if err := t.patiently(t.life, "create the task", func() error { return t.Engine.CreateTask(t.life, spec) }); err != nil {
		return nil, initialization(err)
	}
	if !t.progress.Running { // or all that mount them have them
		if err := t.provideVolumes(t.life); err != nil {
			return ground, err
		}
	}
	if spec.Listen != "" {
		l, err := t.Engine.Listener(t.life, t.id)
		if err != nil {
			return ground, initialization(fmt.Errorf("open the task's metadata endpoint: %w", err))
		}
		if ground.endpoint = "http://" + l.Addr().String(); spec.Listen == metadataListen {
			ground.endpoint = metadataURL
		}
		t.Metadata.Serve(t.description(), l)
	}
	return ground, nil
}

// initialization is the failure of a task whose surroundings cannot be made.
func initialization(err error) error {
	var named *engine.Error
	if errors.As(err, &named) {
		return &failure{named.Error()}
	}
	return &failure{(&engine.Error{Kind: engine.ResourceInit, Err: err}).Error()}
}

// attach makes the task's own network and what of it containers see in /etc.
func (t *task) attach(spec *engine.TaskSpec) error {
	eni := &t.payload.ElasticNetworkInterfaces[0]
	net, err := taskNet(t.id, eni)
	if err != nil {
		return initialization(fmt.Errorf("network interface %s: %w", eni.Ec2Id, err))
	}
	attached, err := t.Network.Attach(t.life, net)
	if err != nil {
		return initialization(fmt.Errorf("attach network interface %s: %w", eni.Ec2Id, err))
	}
	spec.NetNS, spec.Hostname, spec.Listen = attached.NetNS, net.Hostname(), metadataListen
	if spec.ResolvConf, err = t.file("resolv.conf", net.ResolvConf()); err != nil {
		return initialization(err)
	}
	if spec.Hosts, err = t.file("hosts", net.Hosts()); err != nil {
		return initialization(err)
	}
	if !attached.HostAddress.IsValid() { // as where Docker is in a virtual machine
		return nil
	}
	t.Runner.attached(t.id, Attachment{Identity: t.identity, TaskARN: t.payload.Arn, ARN: eni.AttachmentArn,
		HostAddress: attached.HostAddress.String()})
	return nil
}

// asHost gives the task the host's name and copies of its files: a container that writes to them writes to its task's.
func (t *task) asHost(spec *engine.TaskSpec) (err error) {
	if spec.Hostname, err = os.Hostname(); err != nil {
		return err
	}
	for name, path := range map[string]*string{"resolv.conf": &spec.ResolvConf, "hosts": &spec.Hosts} {
		content, err := os.ReadFile("/etc/" + name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if *path, err = t.file(name, content); err != nil {
			return err
		}
	}
	return nil
}

// file writes one of the task's files, unless it is there: containers may have changed theirs.
func (t *task) file(name string, content []byte) (string, error) {
	path := filepath.Join(t.dir(), name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path+".new", content, 0o644)); err != nil {
		return "", err
	}
	return path, os.Rename(path+".new", path)
}

// dir is the task's directory on the host.
func (t *task) dir() string { return filepath.Join(t.Dir, t.id) }

// taskNet is the network that a payload's interface describes.
func taskNet(id string, eni *acs.ElasticNetworkInterface) (network.TaskNet, error) {
	n := network.TaskNet{Task: id, VPC: eni.BerthVpcId, MAC: eni.MacAddress, DNSName: eni.PrivateDnsName}
	for _, a := range eni.Ipv4Addresses {
		if a.Primary || len(eni.Ipv4Addresses) == 1 {
			address, err := netip.ParseAddr(a.PrivateAddress)
			if err != nil {
				return n, err
			}
			n.Address = address
		}
	}
	if !n.Address.IsValid() {
		return n, errors.New("it has no primary IPv4 address")
	}
	gateway, err := netip.ParsePrefix(eni.SubnetGatewayIpv4Address)
	if err != nil {
		return n, fmt.Errorf("the subnet's gateway: %w", err)
	}
	n.Gateway, n.SubnetCIDR = gateway.Addr(), gateway.Masked()
	if eni.BerthVpcCidr != "" {
		if n.VPCCIDR, err = netip.ParsePrefix(eni.BerthVpcCidr); err != nil {
			return n, fmt.Errorf("the VPC's range: %w", err)
		}
	}
	if len(eni.DomainNameServers) == 0 {
		return n, errors.New("it has no resolver")
	}
	n.Resolver, err = netip.ParseAddr(eni.DomainNameServers[0])
	return n, err
}
