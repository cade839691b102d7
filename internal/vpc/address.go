package vpc

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"

	"github.com/berth-dev/berth/internal/store"
)

// EC2 keeps the first four addresses of a subnet and the last: network, router, resolver, future, broadcast.
const (
	reservedFirst = 4
	reservedLast  = 1
)

// capacity is how many addresses of the subnet interfaces may have.
func (s *subnetRow) capacity() int {
	return max(0, 1<<(32-s.CIDR.Bits())-reservedFirst-reservedLast)
}

type cursorKey struct {
	scope  store.Scope
	subnet string
}

// nextAddress proposes an address of the subnet that no interface has now. Addresses are proposed in turn, so that
// transactions that run at the same time don't meet in one and a freed address is not used again until the whole subnet
// has been gone round. The index by address is what keeps two interfaces from having the same.
func (s *Service) nextAddress(scope store.Scope, subnet *subnetRow) (netip.Addr, error) {
	capacity := uint32(subnet.capacity())
	for range capacity {
		address := plus(subnet.CIDR.Addr(), reservedFirst+s.turn(scope, subnet)%capacity)
		if _, used := s.tables.interfaces.FindOne(scope, byAddress, addressKey(subnet.ID, address)); !used {
			return address, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("%s: %w", subnet.ID, ErrNoAddress)
}

// turn is the number of the subnet's next address in turn. The first one follows the newest interface's, or is drawn.
func (s *Service) turn(scope store.Scope, subnet *subnetRow) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := cursorKey{scope, subnet.ID}
	n, ok := s.cursors[key]
	if !ok {
		n = s.firstTurn(scope, subnet)
	}
	s.cursors[key] = n + 1
	return n
}

func (s *Service) firstTurn(scope store.Scope, subnet *subnetRow) uint32 {
	var newest *interfaceRow
	for row := range s.tables.interfaces.Find(scope, bySubnet, subnet.ID) {
		if newest == nil || row.Value.CreatedAt.After(newest.CreatedAt) {
			newest = row.Value
		}
	}
	if newest == nil {
		return rand.Uint32N(uint32(subnet.capacity()))
	}
	return number(newest.Address) - number(subnet.CIDR.Addr()) - reservedFirst + 1
}

// privateName is the private DNS name of an address.
func privateName(address netip.Addr, region string) string {
	domain := region + ".compute.internal"
	if region == "us-east-1" {
		domain = "ec2.internal"
	}
	return "ip-" + strings.ReplaceAll(address.String(), ".", "-") + "." + domain
}

func number(address netip.Addr) uint32 { return binary.BigEndian.Uint32(address.AsSlice()) }

func plus(address netip.Addr, n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, number(address)+n)))
}
