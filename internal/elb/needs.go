package elb

import (
	"context"
	"crypto/tls"
	"errors"
	"net/netip"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/store"
)

// Plane is the data path: what makes load balancers be there. Its methods return at once; it works on what it was told in the
// background, and forgets nothing of it. What it is given is never changed again.
type Plane interface {
	// SetBalancer says what a load balancer is to be from now on. The groups that it names were set before.
	SetBalancer(*balancer.Balancer)
	RemoveBalancer(arn string)
	// SetGroup says what a target group is to be from now on, its targets among it.
	SetGroup(*balancer.Group)
	RemoveGroup(arn string)
	// Health tells how the targets of a group are: nil when it is not there.
	Health(group string) map[balancer.TargetKey]balancer.Health
	// Watch calls told with the ARN of each group in which some target's health changes, until stop is called.
	Watch(told func(group string)) (stop func())
	// State tells how far it has come with a load balancer.
	State(arn string) balancer.Standing
	// Published tells where people reach a load balancer's listeners.
	Published(arn string) []balancer.Published
}

// Network is what load balancers need of the VPC service.
type Network interface {
	// EnsureDefault makes the scope's default VPC unless it has it.
	EnsureDefault(ctx context.Context, scope store.Scope) error
	// VPC is the range of a VPC's addresses; false when there is none.
	VPC(scope store.Scope, id string) (netip.Prefix, bool)
	// Subnet describes a subnet; false when there is none.
	Subnet(scope store.Scope, id string) (Subnet, bool)
	// SecurityGroup is the id of the VPC that a security group is of; false when there is none.
	SecurityGroup(scope store.Scope, id string) (vpc string, ok bool)
	// DefaultSecurityGroup is the id of a VPC's.
	DefaultSecurityGroup(scope store.Scope, vpc string) string
	// ZoneOf is the availability zone of an address of a VPC; empty when it is in none of its subnets.
	ZoneOf(scope store.Scope, vpc string, address netip.Addr) string
	// CreateInterface makes a network interface in a subnet, as part of the transaction. It wraps ErrNoAddress when the
	// subnet is full, or the address that was asked for is taken or is none of the subnet's.
	CreateInterface(tx *store.Tx, scope store.Scope, spec InterfaceSpec) (balancer.Address, error)
	// SetSecurityGroups gives an interface other security groups, as part of the transaction.
	SetSecurityGroups(tx *store.Tx, scope store.Scope, id string, groups []string) error
	// DeleteInterface removes an interface, as part of the transaction. One that is not there is no error.
	DeleteInterface(tx *store.Tx, scope store.Scope, id string) error
}

// ErrNoAddress is what Network.CreateInterface wraps.
var ErrNoAddress = errors.New("the address is not to be had")

// Subnet is a subnet as load balancers need to know it.
type Subnet struct {
	ID, VPC, Zone string
	CIDR          netip.Prefix
}

// InterfaceSpec is a network interface of a load balancer that is to be made.
type InterfaceSpec struct {
	Subnet         string
	Address        netip.Addr // zero: any
	SecurityGroups []string
	Description    string // "ELB app/web/50dc6c495c0c9188"
	Public         bool
	Network        bool // it is a network load balancer's
}

// Certificates are those of AWS Certificate Manager.
type Certificates interface {
	// Certificate is a certificate with its key and chain, by its ARN; ErrNoCertificate when there is none that could be
	// used. What it returned before is the same pointer until the certificate is another.
	Certificate(scope store.Scope, arn string) (*tls.Certificate, error)
	// Holds tells whether there is a certificate, as the transaction sees it: it commits only if the certificate is still
	// there by then.
	Holds(tx *store.Tx, scope store.Scope, arn string) bool
	// Watch calls told with the ARN of each certificate that becomes another, until stop is called.
	Watch(told func(scope store.Scope, arn string)) (stop func())
}

// ErrNoCertificate is what Certificates.Certificate wraps.
var ErrNoCertificate = errors.New("the certificate is not to be had")

// Instances are the machines that can be targets.
type Instances interface {
	// InstanceZone is the availability zone of an instance; false when there is none.
	InstanceZone(scope store.Scope, id string) (zone string, ok bool)
}
