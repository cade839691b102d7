package vpc

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	api "github.com/berth-dev/berth/api/ec2"
	"github.com/berth-dev/berth/internal/store"
)

// RequestedSpec is a network interface to be made for another service, such as a load balancer's.
type RequestedSpec struct {
	Subnet         string     // id
	Address        netip.Addr // zero: any
	SecurityGroups []string   // ids; none: it has none
	Description    string
	Requester      string // "amazon-elb"
	Type           api.NetworkInterfaceType
	Public         bool
}

// CreateRequested makes a network interface for another service, as part of the transaction. It wraps ErrNoAddress when the subnet
// is full, or the address that was asked for is taken or none that interfaces of the subnet may have.
func (s *Service) CreateRequested(tx *store.Tx, scope store.Scope, spec RequestedSpec) (Interface, error) {
	subnets, vpc, err := s.subnetsOfOneVPC(tx, scope, []string{spec.Subnet})
	if err != nil {
		return Interface{}, err
	}
	var groups []string
	if len(spec.SecurityGroups) > 0 {
		if groups, err = s.groupsOf(tx, scope, vpc, spec.SecurityGroups); err != nil {
			return Interface{}, err
		}
	}
	row := interfaceRow{
		ID: newID("eni-"), VPC: vpc.ID, MAC: newMAC(), Groups: groups, Description: spec.Description, Attachment: newID("ela-attach-"),
		Public: spec.Public, CreatedAt: s.now(), Requester: spec.Requester, Type: spec.Type,
	}
	var made *interfaceRow
	if spec.Address.IsValid() {
		made, err = s.createAt(tx, scope, subnets[0], row, spec.Address)
	} else {
		made, err = s.createIn(tx, scope, subnets[0], row)
	}
	if err != nil {
		return Interface{}, err
	}
	return describe(made, subnets[0], vpc), nil
}

// createAt makes the interface at one address.
func (s *Service) createAt(tx *store.Tx, scope store.Scope, subnet *subnetRow, row interfaceRow, address netip.Addr) (*interfaceRow, error) {
	none := fmt.Errorf("%s: %s: %w", subnet.ID, address, ErrNoAddress)
	if !subnet.CIDR.Contains(address) || !address.Is4() {
		return nil, none
	}
	at := int(number(address) - number(subnet.CIDR.Addr()))
	if at < reservedFirst || at >= reservedFirst+subnet.capacity() {
		return nil, none
	}
	row.Subnet, row.Zone, row.ZoneID = subnet.ID, subnet.Zone, subnet.ZoneID
	row.Address, row.DNSName = address, privateName(address, scope.Region)
	if err := s.tables.interfaces.Create(tx, scope, row.ID, &row); errors.Is(err, store.ErrExists) {
		return nil, none
	} else if err != nil {
		return nil, err
	}
	return &row, nil
}

// SetSecurityGroups gives an interface other security groups of its VPC, as part of the transaction.
func (s *Service) SetSecurityGroups(tx *store.Tx, scope store.Scope, id string, groups []string) error {
	return s.tables.interfaces.Modify(tx, scope, id, func(row *interfaceRow) error {
		vpc, ok := s.tables.vpcs.GetTx(tx, scope, row.VPC)
		if !ok {
			return fmt.Errorf("VPC %s of %s is not there", row.VPC, id)
		}
		if len(groups) > 0 {
			if _, err := s.groupsOf(tx, scope, vpc, groups); err != nil {
				return err
			}
		}
		row.Groups = slices.Clone(groups)
		return nil
	})
}
