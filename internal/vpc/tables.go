package vpc

import (
	"net/netip"
	"time"

	api "github.com/berth-dev/berth/api/ec2"
	"github.com/berth-dev/berth/internal/store"
)

// vpcRow is a VPC's record, by id.
type vpcRow struct {
	ID          string       `json:"id"`
	CIDR        netip.Prefix `json:"cidr"`
	Default     bool         `json:"default,omitzero"`
	Association string       `json:"association"` // id of the CIDR block's association
	DHCPOptions string       `json:"dhcpOptions"`
	Group       string       `json:"group"` // id of the security group "default"
}

// Resolver is the address of the VPC's DNS server: the base of the range plus two.
func (v *vpcRow) resolver() netip.Addr { return v.CIDR.Addr().Next().Next() }

// subnetRow is a subnet's record, by id.
type subnetRow struct {
	ID        string       `json:"id"`
	VPC       string       `json:"vpc"`
	CIDR      netip.Prefix `json:"cidr"`
	Zone      string       `json:"zone"`   // "us-east-1a"
	ZoneID    string       `json:"zoneId"` // "use1-az1"
	Default   bool         `json:"default,omitzero"`
	MapPublic bool         `json:"mapPublic,omitzero"`
}

// Gateway is the address of the subnet's router: the base of the range plus one.
func (s *subnetRow) gateway() netip.Addr { return s.CIDR.Addr().Next() }

// groupRow is a security group's record, by id.
type groupRow struct {
	ID          string `json:"id"`
	VPC         string `json:"vpc"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Ingress     []rule `json:"ingress"`
	Egress      []rule `json:"egress"`
}

// rule allows traffic of any protocol from or to one peer: all that a group "default" has.
type rule struct {
	Group string       `json:"group,omitzero"`
	CIDR  netip.Prefix `json:"cidr,omitzero"`
}

// interfaceRow is a network interface's record, by id.
type interfaceRow struct {
	ID          string     `json:"id"`
	Subnet      string     `json:"subnet"`
	VPC         string     `json:"vpc"`
	Zone        string     `json:"zone"`
	ZoneID      string     `json:"zoneId"`
	Address     netip.Addr `json:"address"`
	MAC         string     `json:"mac"`
	DNSName     string     `json:"dnsName"`
	Groups      []string   `json:"groups"`
	Description string     `json:"description,omitzero"`
	Attachment  string     `json:"attachment"` // "eni-attach-..."
	Owner       string     `json:"owner,omitzero"`
	Public      bool       `json:"public,omitzero"` // a public address was asked for
	// Requester is the service whose interface it is, "amazon-elb"; empty: it is a task's. Type is its kind in that case.
	Requester string                   `json:"requester,omitzero"`
	Type      api.NetworkInterfaceType `json:"type,omitzero"`
	CreatedAt time.Time                `json:"createdAt"`

	// HostAddress is the address by which the machine that the interface is on reaches it, once its agent has said so.
	HostAddress netip.Addr `json:"hostAddress,omitzero"`
}

type tables struct {
	vpcs       *store.Table[vpcRow]
	subnets    *store.Table[subnetRow]
	groups     *store.Table[groupRow]
	interfaces *store.Table[interfaceRow]
}

// Indexes of interfaces.
const (
	byAddress = "address" // subnet/address, unique
	bySubnet  = "subnet"
)

func newTables(db *store.DB) tables {
	return tables{
		vpcs:    store.NewTable[vpcRow](db, "ec2", "vpc"),
		subnets: store.NewTable[subnetRow](db, "ec2", "subnet"),
		groups:  store.NewTable[groupRow](db, "ec2", "security-group"),
		interfaces: store.NewTable(db, "ec2", "network-interface",
			store.Index[interfaceRow]{Name: byAddress, Unique: true, Keys: func(_ string, i *interfaceRow) []string {
				return []string{addressKey(i.Subnet, i.Address)}
			}},
			store.Index[interfaceRow]{Name: bySubnet, Keys: func(_ string, i *interfaceRow) []string { return []string{i.Subnet} }}),
	}
}

func addressKey(subnet string, address netip.Addr) string { return subnet + "/" + address.String() }
