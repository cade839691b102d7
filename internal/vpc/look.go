package vpc

import (
	"net/netip"

	"github.com/berth-dev/berth/internal/store"
)

// Subnet is a subnet as other services need to know it.
type Subnet struct {
	ID, VPC, Zone string
	CIDR          netip.Prefix
}

// VPC is the range of a VPC's addresses; false when there is none.
func (s *Service) VPC(scope store.Scope, id string) (netip.Prefix, bool) {
	row, ok := s.tables.vpcs.Get(scope, id)
	if !ok {
		return netip.Prefix{}, false
	}
	return row.Value.CIDR, true
}

// Subnet describes a subnet; false when there is none.
func (s *Service) Subnet(scope store.Scope, id string) (Subnet, bool) {
	row, ok := s.tables.subnets.Get(scope, id)
	if !ok {
		return Subnet{}, false
	}
	return Subnet{ID: id, VPC: row.Value.VPC, Zone: row.Value.Zone, CIDR: row.Value.CIDR}, true
}

// SecurityGroup is the id of the VPC that a security group is of; false when there is none.
func (s *Service) SecurityGroup(scope store.Scope, id string) (vpc string, ok bool) {
	row, ok := s.tables.groups.Get(scope, id)
	if !ok {
		return "", false
	}
	return row.Value.VPC, true
}

// DefaultSecurityGroup is the id of the security group "default" of a VPC; empty when there is no such VPC.
func (s *Service) DefaultSecurityGroup(scope store.Scope, vpc string) string {
	row, ok := s.tables.vpcs.Get(scope, vpc)
	if !ok {
		return ""
	}
	return row.Value.Group
}

// ZoneOf is the availability zone of an address of a VPC; empty when it is in none of its subnets.
func (s *Service) ZoneOf(scope store.Scope, vpc string, address netip.Addr) string {
	rows, _ := s.tables.subnets.List(scope, store.Page{})
	for _, row := range rows {
		if row.Value.VPC == vpc && row.Value.CIDR.Contains(address) {
			return row.Value.Zone
		}
	}
	return ""
}
