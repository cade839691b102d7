package network

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// announcer sends on an interface of the namespace in which it was opened.
type announcer struct{ socket, link int }

// newAnnouncer must be called inside the interface's namespace.
func newAnnouncer(link int) (announcer, error) {
	socket, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return announcer{}, fmt.Errorf("open a packet socket: %w", err)
	}
	return announcer{socket, link}, nil
}

func (a announcer) close() { unix.Close(a.socket) }

// announce says whose address this is now (RFC 5227), to those who have noted the MAC address of its last owner.
func (a announcer) announce(addr netip.Addr, mac net.HardwareAddr) error {
	const ethernet, request = 1, 1
	arp := binary.BigEndian.AppendUint16(nil, ethernet)
	arp = binary.BigEndian.AppendUint16(arp, unix.ETH_P_IP)
	arp = append(arp, 6, 4, 0, request)
	arp = append(append(arp, mac...), addr.AsSlice()...)
	arp = append(append(arp, make([]byte, 6)...), addr.AsSlice()...)
	to := &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ARP), Ifindex: a.link, Halen: 6, Addr: [8]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}
	if err := unix.Sendto(a.socket, arp, 0, to); err != nil {
		return fmt.Errorf("announce %s: %w", addr, err)
	}
	return nil
}

func networkOrder(n uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, n))
}
