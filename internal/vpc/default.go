package vpc

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strings"

	"github.com/berth-dev/berth/internal/store"
)

// defaultVPC is all that a scope has from the beginning.
type defaultVPC struct {
	vpc     vpcRow
	subnets []subnetRow
	group   groupRow
}

// Subnets of the default VPC take the first three of its sixteen /20.
const defaultSubnetBits = 20

var (
	defaultRange = netip.MustParsePrefix("172.31.0.0/16")
	anywhere     = netip.MustParsePrefix("0.0.0.0/0")
)

func defaults(scope store.Scope) defaultVPC {
	id := func(prefix, what string) string {
		sum := sha256.Sum256([]byte(strings.Join([]string{scope.Account, scope.Region, what}, "/")))
		return prefix + "0" + hex.EncodeToString(sum[:8])
	}
	d := defaultVPC{vpc: vpcRow{
		ID: id("vpc-", "default"), CIDR: defaultRange, Default: true,
		Association: id("vpc-cidr-assoc-", "default"), DHCPOptions: id("dopt-", "default"), Group: id("sg-", "default"),
	}}
	d.group = groupRow{
		ID: d.vpc.Group, VPC: d.vpc.ID, Name: "default", Description: "default VPC security group",
		Ingress: []rule{{Group: d.vpc.Group}}, Egress: []rule{{CIDR: anywhere}},
	}
	for i, zone := range zonesOf(scope.Region) {
		base := plus(defaultRange.Addr(), uint32(i)<<(32-defaultSubnetBits))
		d.subnets = append(d.subnets, subnetRow{
			ID: id("subnet-", zone.Name), VPC: d.vpc.ID, CIDR: netip.PrefixFrom(base, defaultSubnetBits),
			Zone: zone.Name, ZoneID: zone.ID, Default: true, MapPublic: true,
		})
	}
	return d
}
