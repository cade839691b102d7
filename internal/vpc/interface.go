package vpc

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"slices"

	"github.com/berth-dev/berth/internal/store"
)

// What can be wrong with the network that is asked for. An error that wraps one of them begins with the id it is about.
var (
	ErrNoSubnet        = errors.New("the subnet does not exist")
	ErrNoSecurityGroup = errors.New("the security group does not exist")
	// ErrMixed: subnets and security groups are not all of one VPC.
	ErrMixed     = errors.New("it belongs to another VPC")
	ErrNoAddress = errors.New("the subnet has no free address")
)

// InterfaceSpec is a network interface to be made.
type InterfaceSpec struct {
	Subnets        []string // ids, at least one: it is made in one of them
	Zone           string   // availability zone to which the choice is restricted; empty: any
	SecurityGroups []string // ids; none: the VPC's group "default"
	Public         bool     // assign a public address
	Attachment     string   // ARN of the attachment that it is for; without a Description, that too
	Description    string
	Owner          string // ARN of the task that it is for
}

// Interface is a network interface as its user needs to know it.
type Interface struct {
	ID             string // "eni-..."
	VPC            string
	VPCCIDR        string // "172.31.0.0/16"
	Subnet         string
	Zone           string // availability zone
	SecurityGroups []string
	MAC            string
	Address        string // IPv4
	CIDR           string // of the subnet: "172.31.0.0/20"
	Gateway        string // "172.31.0.1"
	DNS            []string
	PrivateDNSName string
}

// CreateInterface makes a network interface in one of the subnets, drawn by lot among those that have a free address, as
// part of the transaction.
func (s *Service) CreateInterface(tx *store.Tx, scope store.Scope, spec InterfaceSpec) (Interface, error) {
	if len(spec.Subnets) == 0 {
		return Interface{}, errors.New("a network interface needs a subnet")
	}
	subnets, vpc, err := s.subnetsOfOneVPC(tx, scope, spec.Subnets)
	if err != nil {
		return Interface{}, err
	}
	groups, err := s.groupsOf(tx, scope, vpc, spec.SecurityGroups)
	if err != nil {
		return Interface{}, err
	}
	template := interfaceRow{
		ID: newID("eni-"), VPC: vpc.ID, MAC: newMAC(), Groups: groups, Description: spec.Description,
		Attachment: newID("eni-attach-"), Owner: spec.Owner, Public: spec.Public, CreatedAt: s.now(),
	}
	if template.Description == "" {
		template.Description = spec.Attachment
	}
	err = fmt.Errorf("%s: %w", spec.Subnets[0], ErrNoSubnet)
	for _, subnet := range subnets {
		if spec.Zone != "" && subnet.Zone != spec.Zone {
			continue
		}
		var row *interfaceRow
		if row, err = s.createIn(tx, scope, subnet, template); err == nil {
			return describe(row, subnet, vpc), nil
		}
		if !errors.Is(err, ErrNoAddress) {
			break
		}
	}
	return Interface{}, err
}

// Zones are the availability zones of subnets; none when one of the subnets is not there.
func (s *Service) Zones(scope store.Scope, subnets []string) (zones []string) {
	for _, id := range subnets {
		row, ok := s.tables.subnets.Get(scope, id)
		if !ok {
			return nil
		}
		if !slices.Contains(zones, row.Value.Zone) {
			zones = append(zones, row.Value.Zone)
		}
	}
	return zones
}

// createIn makes the interface in one subnet.
func (s *Service) createIn(tx *store.Tx, scope store.Scope, subnet *subnetRow, row interfaceRow) (*interfaceRow, error) {
	row.Subnet, row.Zone, row.ZoneID = subnet.ID, subnet.Zone, subnet.ZoneID
	for range subnet.capacity() {
		address, err := s.nextAddress(scope, subnet)
		if err != nil {
			return nil, err
		}
		row.Address, row.DNSName = address, privateName(address, scope.Region)
		// That it exists means that another server has just given the address away.
		if err = s.tables.interfaces.Create(tx, scope, row.ID, &row); !errors.Is(err, store.ErrExists) {
			return &row, err
		}
	}
	return nil, fmt.Errorf("%s: %w", subnet.ID, ErrNoAddress)
}

func describe(row *interfaceRow, subnet *subnetRow, vpc *vpcRow) Interface {
	return Interface{
		ID: row.ID, VPC: vpc.ID, VPCCIDR: vpc.CIDR.String(), Subnet: subnet.ID, Zone: subnet.Zone,
		SecurityGroups: slices.Clone(row.Groups), MAC: row.MAC, Address: row.Address.String(), CIDR: subnet.CIDR.String(),
		Gateway: subnet.gateway().String(), DNS: []string{vpc.resolver().String()}, PrivateDNSName: row.DNSName,
	}
}

// subnetsOfOneVPC returns the subnets, in an order drawn by lot, and the VPC that they are of.
func (s *Service) subnetsOfOneVPC(tx *store.Tx, scope store.Scope, ids []string) ([]*subnetRow, *vpcRow, error) {
	var subnets []*subnetRow
	for _, id := range ids {
		subnet, ok := s.tables.subnets.GetTx(tx, scope, id)
		if !ok {
			return nil, nil, fmt.Errorf("%s: %w", id, ErrNoSubnet)
		}
		if len(subnets) > 0 && subnet.VPC != subnets[0].VPC {
			return nil, nil, fmt.Errorf("%s: %w", id, ErrMixed)
		}
		subnets = append(subnets, subnet)
	}
	vpc, ok := s.tables.vpcs.GetTx(tx, scope, subnets[0].VPC)
	if !ok {
		return nil, nil, fmt.Errorf("VPC %s of %s is not there", subnets[0].VPC, subnets[0].ID)
	}
	mathrand.Shuffle(len(subnets), func(i, j int) { subnets[i], subnets[j] = subnets[j], subnets[i] })
	return subnets, vpc, nil
}

func (s *Service) groupsOf(tx *store.Tx, scope store.Scope, vpc *vpcRow, ids []string) ([]string, error) {
	if len(ids) == 0 {
		return []string{vpc.Group}, nil
	}
	for _, id := range ids {
		group, ok := s.tables.groups.GetTx(tx, scope, id)
		if !ok {
			return nil, fmt.Errorf("%s: %w", id, ErrNoSecurityGroup)
		}
		if group.VPC != vpc.ID {
			return nil, fmt.Errorf("%s: %w", id, ErrMixed)
		}
	}
	return slices.Clone(ids), nil
}

// DeleteInterface removes an interface, as part of the transaction. One that is not there is no error.
func (s *Service) DeleteInterface(tx *store.Tx, scope store.Scope, id string) error {
	if _, ok := s.tables.interfaces.GetTx(tx, scope, id); !ok {
		return nil
	}
	return s.tables.interfaces.Delete(tx, scope, id)
}

// SetHostAddress notes, as part of the transaction, the address by which the machine that an interface is on reaches it:
// the API shows it as the public address of an interface that asked for one. An interface that is not there is no error:
// its task may have ended meanwhile.
func (s *Service) SetHostAddress(tx *store.Tx, scope store.Scope, id string, address netip.Addr) error {
	row, ok := s.tables.interfaces.GetTx(tx, scope, id)
	if !ok || row.HostAddress == address {
		return nil
	}
	changed := *row
	changed.HostAddress = address
	return s.tables.interfaces.Put(tx, scope, id, &changed)
}

// newID draws an id as EC2 writes them: 17 hexadecimal digits, the first of them 0.
func newID(prefix string) string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return prefix + "0" + hex.EncodeToString(b[:])
}

// newMAC draws a locally administered address.
func newMAC() string {
	mac := net.HardwareAddr{0x02, 0, 0, 0, 0, 0}
	_, _ = rand.Read(mac[1:])
	return mac.String()
}
