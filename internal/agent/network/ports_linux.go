package network

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// ports are those of the host that containers have. Each is held by a socket that nobody reads, since packets are translated
// before they come to it: no other program of the host, and no other Berth, can take a port that is published, nor is one
// published that another program has.
type ports struct {
	reserved map[uint16]bool
	span     func() PortRange // of the ports that are given to those who name none
	yield    func(port uint16) bool

	mu   sync.Mutex
	next uint16
	held map[string][]io.Closer // by container
}

// newPorts reserves the ports of the ECS agent, which may come to this machine yet.
func newPorts() *ports {
	return &ports{reserved: map[uint16]bool{51678: true, 51679: true, 51680: true}, span: localPorts, held: map[string][]io.Closer{}}
}

// localPorts is the range that the kernel takes ports from for connections, or where it doesn't tell, the one that ECS's
// agent falls back to.
func localPorts() PortRange {
	fallback := PortRange{49153, maxPort}
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return fallback
	}
	var r PortRange
	if _, err := fmt.Sscan(string(text), &r.First, &r.Last); err != nil || r.First == 0 || r.Last < r.First {
		return fallback
	}
	return r
}

// take takes the ports of all mappings for a container, or none of them. Its error is a *PortError.
func (p *ports) take(container string, mappings []PortMapping) ([]Published, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Published, len(mappings))
	var held []io.Closer
	// Those who name their port come first: it must not be given to those who don't.
	for _, named := range []bool{true, false} {
		for i, m := range mappings {
			if (m.Host != 0) != named {
				continue
			}
			host, sockets, err := p.takeOne(m)
			if err != nil {
				closeAll(held)
				return nil, err
			}
			held = append(held, sockets...)
			all[i] = Published{Container: m.Container, Host: host, Protocol: m.Protocol}
		}
	}
	p.held[container] = append(p.held[container], held...)
	return all, nil
}

func (p *ports) takeOne(m PortMapping) (PortRange, []io.Closer, error) {
	if m.Host == 0 {
		return p.takeFree(m)
	}
	r := PortRange{m.Host, m.Host + uint16(m.Container.Count()) - 1}
	sockets, at, err := hold(r, m.Protocol)
	for left := m.Container.Count(); errors.Is(err, syscall.EADDRINUSE) && p.yield != nil && left > 0 && p.yield(at); left-- {
		sockets, at, err = hold(r, m.Protocol)
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		err = errAllocated
	}
	if err != nil {
		return r, nil, &PortError{Port: at, Protocol: m.Protocol, Err: err}
	}
	return r, sockets, nil
}

// takeFree looks for free ports from where it found the last ones, so that a port is not given again soon.
func (p *ports) takeFree(m PortMapping) (PortRange, []io.Closer, error) {
	span, count := p.span(), m.Container.Count()
	if p.next < span.First || p.next > span.Last {
		p.next = span.First + uint16(rand.IntN(span.Count()))
	}
	wrapped := false
	for first := int(p.next); ; {
		r := PortRange{uint16(first), uint16(first + count - 1)}
		if first+count-1 > int(span.Last) {
			if wrapped {
				return r, nil, &PortError{Protocol: m.Protocol, Err: fmt.Errorf("%d of the ports %s are asked for", count, span)}
			}
			wrapped, first = true, int(span.First)
			continue
		}
		if at, is := p.reservedIn(r); is {
			first = int(at) + 1
			continue
		}
		sockets, at, err := hold(r, m.Protocol)
		if err == nil {
			p.next = r.Last + 1
			return r, sockets, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return r, nil, &PortError{Port: at, Protocol: m.Protocol, Err: err}
		}
		first = int(at) + 1
	}
}

func (p *ports) reservedIn(r PortRange) (at uint16, is bool) {
	for port := int(r.First); port <= int(r.Last); port++ {
		if p.reserved[uint16(port)] {
			return uint16(port), true
		}
	}
	return 0, false
}

// adopt holds the ports of a container that an earlier process has published. A port that another program has taken
// meanwhile stays published: what it says is the program's to find out.
func (p *ports) adopt(container string, published []Published) (taken []PortError) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, pub := range published {
		for port := int(pub.Host.First); port <= int(pub.Host.Last); port++ {
			one := PortRange{uint16(port), uint16(port)}
			sockets, at, err := hold(one, pub.Protocol)
			// An agent that was killed while it started a program may leave its sockets to that for an instant.
			for begin := time.Now(); errors.Is(err, syscall.EADDRINUSE) && time.Since(begin) < 200*time.Millisecond; {
				time.Sleep(5 * time.Millisecond)
				sockets, at, err = hold(one, pub.Protocol)
			}
			if err != nil {
				taken = append(taken, PortError{Port: at, Protocol: pub.Protocol, Err: err})
				continue
			}
			p.held[container] = append(p.held[container], sockets...)
		}
	}
	return taken
}

// give gives back what a container has.
func (p *ports) give(container string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	closeAll(p.held[container])
	delete(p.held, container)
}

// close lets go of all ports, which stay published.
func (p *ports) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, held := range p.held {
		closeAll(held)
	}
	clear(p.held)
}

// hold opens a socket on each port of a range, or none; at is the port that could not be had.
func hold(r PortRange, protocol string) (sockets []io.Closer, at uint16, err error) {
	for port := int(r.First); port <= int(r.Last); port++ {
		var socket io.Closer
		address := net.JoinHostPort("0.0.0.0", strconv.Itoa(port))
		if protocol == "udp" {
			socket, err = net.ListenPacket("udp4", address)
		} else {
			socket, err = net.Listen("tcp4", address)
		}
		if err != nil {
			closeAll(sockets)
			return nil, uint16(port), err
		}
		sockets = append(sockets, socket)
	}
	return sockets, 0, nil
}

func closeAll(sockets []io.Closer) {
	for _, s := range sockets {
		_ = s.Close() // it has nothing to lose
	}
}
