package network

import (
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// Names is the resolver of a VPC whose network is not this package's: it answers what somebody else's sockets are asked.
type Names struct{ r *resolver }

// NewNames returns a resolver that knows no names of its own yet, and asks those that a resolv.conf names everything else.
func NewNames(resolvConf string, log *slog.Logger) *Names {
	return &Names{&resolver{upstreams: &upstreams{path: resolvConf}, log: log, slots: make(chan struct{}, maxQuestions),
		addrs: map[string]netip.Addr{}, names: map[string]string{}, balancers: map[string][]netip.Addr{}}}
}

// Add makes a task's private name known.
func (n *Names) Add(name string, addr netip.Addr) { n.r.add(name, addr) }

// Remove undoes Add.
func (n *Names) Remove(name string, addr netip.Addr) { n.r.remove(name, addr) }

// Name makes a load balancer's name known, with these addresses and no others.
func (n *Names) Name(name string, addrs []netip.Addr) { n.r.name(name, addrs) }

// Forget undoes Name.
func (n *Names) Forget(name string) { n.r.forget(name) }

// Answer answers a question that came in a packet; nil when it is none.
func (n *Names) Answer(packet []byte) []byte {
	question := new(dns.Msg)
	if question.Unpack(packet) != nil || question.Response {
		return nil
	}
	answer, err := n.r.answer("udp", question).Pack()
	if err != nil {
		return nil
	}
	return answer
}

// Bounds of a connection.
const (
	idleTime         = 5 * time.Second
	maxConnQuestions = 128
)

// Serve answers the questions that come on a connection, and closes it.
func (n *Names) Serve(conn net.Conn) {
	c := &dns.Conn{Conn: conn}
	defer c.Close()
	for range maxConnQuestions {
		_ = c.SetReadDeadline(time.Now().Add(idleTime))
		question, err := c.ReadMsg()
		if err != nil || question.Response || c.WriteMsg(n.r.answer("tcp", question)) != nil {
			return
		}
	}
}
