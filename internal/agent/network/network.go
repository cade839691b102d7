// Package network gives tasks in awsvpc mode their network: a namespace of their own with a leg in their subnet, in a VPC
// that lives in a router namespace of its own. The agent's tasks (internal/agent/task) call it; `berth clean` calls Clean.
//
// What is made, for each VPC that has a task on this machine:
//
//	host namespace                     router namespace of the VPC                task namespace
//	b<instance>-1  ── link range ──  link   s-ac1f0000-20 (bridge, 172.31.0.1/20) ── e-ac1f0004 ── eth0 172.31.0.4/20
//	100.80.16.1      (a /20)         .2     s-ac1f1000-20 (bridge, ...)                            lo   169.254.170.2/32
//
// VPCs may overlap one another and whatever is around the host, since only the link range is ever seen by the host: its
// routing table gets the link range and nothing else. A task has one address of the link range, by which the host reaches
// it; the router namespace translates it. The other way, what a task sends out of its VPC leaves the router namespace as
// the router's link address and the host as the host's own.
//
// All of it can be found again after a restart: a VPC and a task each have a record in the run directory, written before
// anything of the VPC is made and after everything of the task is. A namespace without a record is debris.
package network

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
)

// ErrUnsupported is returned by New where task networking cannot work: elsewhere than on Linux.
var ErrUnsupported = errors.New("awsvpc networking needs Linux")

// MetadataAddress is on the loopback interface of every attached task.
var MetadataAddress = netip.MustParseAddr("169.254.170.2")

// MetadataPort is where who answers for MetadataAddress listens; programs in the task find it at port 80. ECS's own agent
// keeps the same port for it on its machines, so no task definition uses it.
const MetadataPort = 51679

// Config is what a Network needs to know.
type Config struct {
	// Instance is the data directory's id, 8 hexadecimal digits: every kernel object's name carries it.
	Instance string
	// RunDir is the instance's run directory, /run/berth/<instance>. Its parent holds what instances share.
	RunDir string
	// ResolvConf names the host's upstream resolvers; read again when it changes. Default /etc/resolv.conf.
	ResolvConf string
	// Yield is asked to leave a port of the host, which a container names and somebody of this program may have; it tells
	// whether it was left. Nil: nobody has.
	Yield func(port uint16) bool
	// Log receives what an operator should know. Default slog.Default().
	Log *slog.Logger
}

func (c Config) withDefaults() (Config, error) {
	if !regexp.MustCompile(`^[0-9a-f]{8}$`).MatchString(c.Instance) {
		return c, fmt.Errorf("instance id %q is not 8 hexadecimal digits", c.Instance)
	}
	if !filepath.IsAbs(c.RunDir) {
		return c, fmt.Errorf("run directory %q is not an absolute path", c.RunDir)
	}
	if c.ResolvConf == "" {
		c.ResolvConf = "/etc/resolv.conf"
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c, nil
}

// TaskNet is the network interface that a task was given: what the ECS payload says of it.
type TaskNet struct {
	Task string // the task's id
	VPC  string // "vpc-..."
	// VPCCIDR is the VPC's whole range. What is sent to an address in it that no subnet here has is refused, not leaked
	// to the host's own networks. The zero value: unknown.
	VPCCIDR    netip.Prefix `json:",omitzero"`
	SubnetCIDR netip.Prefix
	Gateway    netip.Addr // the subnet's router, first address of the subnet
	Address    netip.Addr // the task's own
	MAC        string     // "02:..."
	Resolver   netip.Addr // the VPC's resolver, second address of the VPC
	DNSName    string     // private DNS name: "ip-172-31-0-4.ec2.internal"
}

// Attached is a task's network once it stands.
type Attached struct {
	NetNS string // path of the task's namespace
	// HostAddress is the link address by which the host reaches the task. Stable until Detach. The zero value: it does not.
	HostAddress netip.Addr
}

var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

const vpcPrefix = "vpc-"

// bridgeID is what the instance's bridge goes by among the VPCs, whose ids have other letters.
const bridgeID = vpcPrefix + "bridge"

// Validate says what is wrong with it.
func (t TaskNet) Validate() error {
	switch {
	case !namePattern.MatchString(t.Task) || strings.HasPrefix(t.Task, vpcPrefix):
		return fmt.Errorf("task id %q cannot name a namespace", t.Task)
	case !namePattern.MatchString(t.VPC) || !strings.HasPrefix(t.VPC, vpcPrefix) || t.VPC == bridgeID:
		return fmt.Errorf("VPC id %q does not begin with vpc-", t.VPC)
	case !t.SubnetCIDR.IsValid() || !t.SubnetCIDR.Addr().Is4() || t.SubnetCIDR != t.SubnetCIDR.Masked():
		return fmt.Errorf("subnet %q is not an IPv4 CIDR block", t.SubnetCIDR)
	case t.VPCCIDR.IsValid() && (!t.VPCCIDR.Contains(t.SubnetCIDR.Addr()) || t.VPCCIDR.Bits() > t.SubnetCIDR.Bits()):
		return fmt.Errorf("subnet %s lies outside the VPC's range %s", t.SubnetCIDR, t.VPCCIDR)
	case !t.SubnetCIDR.Contains(t.Gateway):
		return fmt.Errorf("gateway %s lies outside subnet %s", t.Gateway, t.SubnetCIDR)
	case !t.SubnetCIDR.Contains(t.Address) || t.Address == t.Gateway:
		return fmt.Errorf("address %s cannot be a task's in subnet %s", t.Address, t.SubnetCIDR)
	case !t.Resolver.Is4():
		return fmt.Errorf("resolver %q is not an IPv4 address", t.Resolver)
	}
	if mac, err := net.ParseMAC(t.MAC); err != nil || len(mac) != 6 || mac[0]&1 != 0 {
		return fmt.Errorf("MAC address %q is not that of an interface", t.MAC)
	}
	return nil
}
