package node

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// front is a port of this machine's loopback addresses that HTTP or HTTPS listeners share. Whose a connection is, its first
// bytes say: the host name of the first request, or the server name of the TLS handshake. They are looked at and left where
// they are, so that what serves the connection gets the socket itself.
type front struct {
	tls       bool
	port      uint16
	listeners []net.Listener
	accepting sync.WaitGroup

	mu     sync.Mutex
	guests atomic.Pointer[[]*guest] // replaced under mu
}

// guest is a listener of a load balancer that is published at a front.
type guest struct {
	url string // for people
	// answers tells how well a host name is the listener's: not at all (0), by a rule or a certificate, or by its own name.
	answers func(host string) int
	// serve owns the connection.
	serve func(net.Conn)
}

// byName is what guest.answers returns for the load balancer's own name, byRule for one that a rule or certificate has.
const (
	byRule = 1 + iota
	byName
)

func (f *front) guest() []*guest {
	if g := f.guests.Load(); g != nil {
		return *g
	}
	return nil
}

func (f *front) add(g *guest) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := append(slices.Clone(f.guest()), g)
	f.guests.Store(&all)
}

// remove takes a guest out and tells whether none is left.
func (f *front) remove(g *guest) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	left := slices.DeleteFunc(slices.Clone(f.guest()), func(has *guest) bool { return has == g })
	f.guests.Store(&left)
	return len(left) == 0
}

func (f *front) open() {
	for _, l := range f.listeners {
		f.accepting.Go(func() { acceptEach(l, f.welcome) })
	}
}

func (f *front) close() {
	for _, l := range f.listeners {
		l.Close()
	}
	f.accepting.Wait()
}

// welcome hands a connection to whose it is. The only guest takes all.
func (f *front) welcome(conn net.Conn) {
	guests := f.guest()
	if len(guests) == 1 {
		guests[0].serve(conn)
		return
	}
	host, err := hostOf(conn, f.tls)
	if err != nil {
		conn.Close()
		return
	}
	if g := chosen(f.guest(), host); g != nil {
		g.serve(conn)
		return
	}
	f.turnAway(conn)
}

// chosen is the guest that answers a host name best; the first of equals, nil when none does.
func chosen(guests []*guest, host string) *guest {
	if len(guests) == 1 {
		return guests[0]
	}
	var best *guest
	rank := 0
	for _, g := range guests {
		if r := g.answers(host); r > rank {
			best, rank = g, r
		}
	}
	return best
}

// unrecognizedName is the TLS alert of that name, fatal.
var unrecognizedName = []byte{21, 3, 3, 0, 2, 2, 112}

// turnAway answers that nobody here goes by the name, and who does by which.
func (f *front) turnAway(conn net.Conn) {
	defer conn.Close()
	if f.tls {
		_, _ = conn.Write(unrecognizedName)
		return
	}
	body := "No load balancer here goes by that name. At this port there are:\n"
	for _, g := range f.guest() {
		body += "  " + g.url + "\n"
	}
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 421 Misdirected Request\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(body), body)
}

// fronts are the ports of this machine's loopback addresses that load balancers are published at.
type fronts struct {
	addrs []netip.Addr // that each port is taken of

	mu      sync.Mutex
	shared  map[sharedPort]*front
	places  *places
	yielded map[uint16]time.Time // when a task has asked for ports
}

// sharedPort is what listeners that share a front have in common.
type sharedPort struct {
	tls  bool
	port uint16
}

// name is the front's, among places.
func (s sharedPort) name() string {
	if s.tls {
		return fmt.Sprintf("https/%d", s.port)
	}
	return fmt.Sprintf("http/%d", s.port)
}

// newFronts makes those of a process. before is what ports said in the process before it.
func newFronts(addrs []netip.Addr, before map[string]uint16) *fronts {
	return &fronts{addrs: addrs, shared: map[sharedPort]*front{}, places: newPlaces(before), yielded: map[uint16]time.Time{}}
}

// ports are where everybody is published, by names that are the same after a restart.
func (f *fronts) ports() map[string]uint16 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.places.all()
}

// yielding is for how long a port is left alone that a task has asked for. By then it has taken it, or doesn't want it.
const yielding = time.Minute

// yield has a port not be taken for a while, and then by who is published anew while it is free.
func (f *fronts) yield(port uint16) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.yielded[port] = time.Now()
}

// left is whether a port is a task's to take. Under mu.
func (f *fronts) left(port uint16) bool {
	at, asked := f.yielded[port]
	return asked && time.Since(at) < yielding
}

// place takes the port that is wanted, that at which the name was published before, or the next free one; see firstFree. It is
// called with mu held.
func (f *fronts) place(name string, wanted uint16, take func(port uint16) error) (uint16, error) {
	before := f.places.before[name]
	if before == wanted {
		before = 0
	}
	port, err := firstFree(wanted, before, func(port uint16) error {
		switch {
		case f.left(port):
			return fmt.Errorf("port %d is a task's: %w", port, syscall.EADDRINUSE)
		case f.places.others(name, port):
			return fmt.Errorf("port %d is another load balancer's: %w", port, syscall.EADDRINUSE)
		}
		return f.places.again(name, port, take)
	})
	if err == nil {
		f.places.now[name] = port
	}
	return port, err
}

// share publishes an HTTP or HTTPS listener, at the port that it shares with all that have the same. url makes the guest's
// from the port that was free.
func (f *fronts) share(tls bool, wanted uint16, g *guest, url func(port uint16) string) (leave func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := sharedPort{tls, wanted}
	at := f.shared[key]
	if at == nil || f.left(at.port) { // who is still there is about to leave
		at = &front{tls: tls}
		if at.port, err = f.place(key.name(), wanted, func(port uint16) (err error) {
			at.listeners, err = listenAll(f.addrs, port)
			return err
		}); err != nil {
			return nil, err
		}
		f.shared[key] = at
	}
	g.url = url(at.port)
	first := len(at.guest()) == 0
	at.add(g)
	if first {
		at.open()
	}
	return func() { f.leave(key, at, g) }, nil
}

func (f *fronts) leave(key sharedPort, at *front, g *guest) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if at.remove(g) {
		if f.shared[key] == at {
			delete(f.shared, key)
			delete(f.places.now, key.name())
		}
		at.close()
	}
}

// own takes a port for one listener alone, until disown: its TCP sockets, its UDP sockets, or both at the same port.
func (f *fronts) own(name string, wanted uint16, tcp, udp bool) (port uint16, listeners []net.Listener, packets []net.PacketConn, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	port, err = f.place(name, wanted, func(port uint16) (err error) {
		if tcp {
			if listeners, err = listenAll(f.addrs, port); err != nil {
				return err
			}
		}
		if udp {
			if packets, err = listenPackets(f.addrs, port); err != nil {
				closeAll(listeners)
			}
		}
		return err
	})
	return port, listeners, packets, err
}

// disown gives the port of a listener back, whose sockets are closed.
func (f *fronts) disown(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.places.now, name)
}

const (
	// privileged ports are another user's than root's to take only by leave.
	privileged = 1024
	// above is where the others are looked for: 80 becomes 8080, 443 becomes 8443.
	above = 8000
	// tries is how many ports are looked at.
	tries = 100
)

// firstFree calls take with the port that is wanted and, while those are taken, with second, unless it is 0, and the next ones.
func firstFree(wanted, second uint16, take func(port uint16) error) (uint16, error) {
	base := int(wanted)
	if wanted < privileged {
		base += above - 1
	}
	err := take(wanted)
	if err != nil && second != 0 && take(second) == nil {
		return second, nil
	}
	for i := 1; err != nil && i <= tries && base+i < 1<<16; i++ {
		if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EACCES) {
			return 0, err
		}
		if err = take(uint16(base + i)); err == nil {
			return uint16(base + i), nil
		}
	}
	if err != nil {
		return 0, fmt.Errorf("neither port %d of this machine nor one of the next is free: %w", wanted, err)
	}
	return wanted, nil
}

// listenAll listens at a port of all addresses, or of none. Addresses that the machine does not have are passed over, the
// first must be there.
func listenAll(addrs []netip.Addr, port uint16) (listeners []net.Listener, err error) {
	for i, addr := range addrs {
		l, err := net.Listen("tcp", net.JoinHostPort(addr.String(), strconv.Itoa(int(port))))
		if i > 0 && absent(err) {
			continue
		}
		if err != nil {
			closeAll(listeners)
			return nil, err
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// listenPackets is listenAll for UDP.
func listenPackets(addrs []netip.Addr, port uint16) (packets []net.PacketConn, err error) {
	for i, addr := range addrs {
		c, err := net.ListenPacket("udp", net.JoinHostPort(addr.String(), strconv.Itoa(int(port))))
		if i > 0 && absent(err) {
			continue
		}
		if err != nil {
			closeAll(packets)
			return nil, err
		}
		packets = append(packets, c)
	}
	return packets, nil
}

func absent(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
}

func closeAll[C interface{ Close() error }](all []C) {
	for _, c := range all {
		_ = c.Close() // it has nothing to lose
	}
}
