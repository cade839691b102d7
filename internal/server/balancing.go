package server

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/berth-dev/berth/api/ec2"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/ecs/service"
	"github.com/berth-dev/berth/internal/elb"
	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/vpc"
)

// subnets gives load balancing what it needs of the VPC service.
type subnets struct{ *vpc.Service }

func (n subnets) Subnet(scope store.Scope, id string) (elb.Subnet, bool) {
	subnet, ok := n.Service.Subnet(scope, id)
	return elb.Subnet(subnet), ok
}

func (n subnets) CreateInterface(tx *store.Tx, scope store.Scope, spec elb.InterfaceSpec) (balancer.Address, error) {
	kind := ec2.NetworkInterfaceTypeInterface
	if spec.Network {
		kind = ec2.NetworkInterfaceTypeNetworkLoadBalancer
	}
	made, err := n.CreateRequested(tx, scope, vpc.RequestedSpec{Subnet: spec.Subnet, Address: spec.Address, SecurityGroups: spec.SecurityGroups,
		Description: spec.Description, Requester: "amazon-elb", Type: kind, Public: spec.Public})
	if errors.Is(err, vpc.ErrNoAddress) {
		return balancer.Address{}, fmt.Errorf("%w (%w)", err, elb.ErrNoAddress)
	}
	if err != nil {
		return balancer.Address{}, err
	}
	at := balancer.Address{Interface: made.ID, Subnet: made.Subnet, Zone: made.Zone, MAC: made.MAC}
	var errs [4]error
	at.CIDR, errs[0] = netip.ParsePrefix(made.CIDR)
	at.VPCCIDR, errs[1] = netip.ParsePrefix(made.VPCCIDR)
	at.IP, errs[2] = netip.ParseAddr(made.Address)
	at.Gateway, errs[3] = netip.ParseAddr(made.Gateway)
	return at, errors.Join(errs[:]...)
}

// machines gives load balancing the container instances, by their EC2 instance ids.
type machines struct{ *Server }

// InstanceZone is empty for a machine that did not say where it is: it is wherever a load balancer is.
func (m machines) InstanceZone(scope store.Scope, id string) (zone string, ok bool) {
	row, ok := m.ECS.Instances.FindOne(scope, ecs.InstancesByEC2, id)
	if !ok || !row.Value.Located {
		return "", ok
	}
	return row.Value.Zone, true
}

// registrar gives the ECS service what tasks need of load balancing.
type registrar struct{ *elb.Service }

func (r registrar) Register(tx *store.Tx, scope store.Scope, group, id string, port uint16) error {
	err := r.RegisterTarget(tx, scope, group, id, port)
	if errors.Is(err, elb.ErrNoGroup) {
		return fmt.Errorf("%s: %w", group, ecs.ErrNoTargetGroup)
	}
	return err
}

func (r registrar) Deregister(tx *store.Tx, scope store.Scope, group, id string, port uint16) error {
	return r.DeregisterTarget(tx, scope, group, id, port)
}

// balancers gives services what they need of load balancing.
type balancers struct{ *elb.Service }

var _ service.Balancers = balancers{}

func (b balancers) Group(scope store.Scope, arn string) (service.Group, error) {
	group, err := b.Service.Group(scope, arn)
	if errors.Is(err, elb.ErrNoGroup) {
		err = fmt.Errorf("%s: %w", arn, service.ErrNoGroup)
	}
	return service.Group(group), err
}

func (b balancers) Health(scope store.Scope, arn, target string, port uint16) service.Health {
	health := b.Service.Health(scope, arn, target, port)
	return service.Health{State: string(health.State), Reason: string(health.Reason), Description: health.Description}
}

func (b balancers) RuleGroups(scope store.Scope, rule string) (map[string]int, error) {
	weights, err := b.Service.RuleGroups(scope, rule)
	if errors.Is(err, elb.ErrNoRule) {
		err = fmt.Errorf("%s: %w", rule, service.ErrNoRule)
	}
	return weights, err
}

func (b balancers) SetWeights(tx *store.Tx, scope store.Scope, rule string, weights map[string]int) error {
	err := b.Service.SetWeights(tx, scope, rule, weights)
	switch {
	case errors.Is(err, elb.ErrNoRule):
		return fmt.Errorf("%s: %w", rule, service.ErrNoRule)
	case errors.Is(err, elb.ErrNoGroup):
		return fmt.Errorf("%w (%w)", err, service.ErrNoGroup)
	}
	return err
}
