package stream

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/elb/room"
	"github.com/berth-dev/berth/internal/elb/target"
)

// Config is what all listeners of one machine share.
type Config struct {
	// Groups finds a live target group by its ARN; nil when there is none.
	Groups func(arn string) *target.Group
	// TLS makes of a listener's settings how it decrypts.
	TLS func(*balancer.TLSSettings) (*tls.Config, error)
	// Room, unless nil, bounds connections and flows. One that comes when there is none takes the place of one that is at rest,
	// or is turned away.
	Room *room.Room
}

// What AWS does when nothing else is said.
const (
	idleTCP = 350 * time.Second
	idleUDP = 120 * time.Second
)

// Listener is one listener of a network load balancer.
type Listener struct {
	config   Config
	settings atomic.Pointer[settings]
	open     atomic.Int64
	held     atomic.Int64 // bytes of packets that wait

	// life is of its connections: they are cut when it is done.
	life context.Context
	cut  context.CancelFunc

	mu      sync.Mutex
	doors   map[interface{ Close() error }]struct{} // where connections and packets come in
	closing bool
	under   sync.WaitGroup // connections and flows
}

// settings are what a listener is to do, as of now.
type settings struct {
	balancer *balancer.Balancer
	listener *balancer.Listener
	tls      *tls.Config
	idle     time.Duration
}

// New makes a listener. It does nothing before Serve or ServePacket.
func New(config Config, b *balancer.Balancer, l *balancer.Listener) (*Listener, error) {
	n := &Listener{config: config, doors: map[interface{ Close() error }]struct{}{}}
	n.life, n.cut = context.WithCancel(context.Background())
	if err := n.Update(b, l); err != nil {
		return nil, err
	}
	config.Room.Join(n)
	return n, nil
}

// Update changes what becomes of connections that come from now on. It fails, and changes nothing, when the listener's
// certificates are of no use.
func (n *Listener) Update(b *balancer.Balancer, l *balancer.Listener) error {
	s := &settings{balancer: b, listener: l, idle: l.IdleTimeout}
	if s.idle == 0 {
		s.idle = idleTCP
	}
	if l.Protocol == balancer.TLS {
		var err error
		if s.tls, err = n.config.TLS(l.TLS); err != nil {
			return err
		}
	}
	n.settings.Store(s)
	return nil
}

// Open is how many connections and flows there are.
func (n *Listener) Open() int { return int(n.open.Load()) }

// Shutdown takes nothing new and waits until the connections are over. Those that are left when ctx is done are cut.
func (n *Listener) Shutdown(ctx context.Context) error {
	n.config.Room.Leave(n)
	n.mu.Lock()
	n.closing = true
	for door := range n.doors {
		door.Close()
	}
	n.mu.Unlock()
	defer context.AfterFunc(ctx, n.cut)()
	n.under.Wait()
	n.cut()
	return ctx.Err()
}

// enter notes where connections come in, so that Shutdown closes it; leave undoes it. It fails once the listener shuts down.
func (n *Listener) enter(door interface{ Close() error }) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closing {
		door.Close()
		return net.ErrClosed
	}
	n.doors[door] = struct{}{}
	n.under.Add(1)
	return nil
}

func (n *Listener) leave(door interface{ Close() error }) {
	n.mu.Lock()
	delete(n.doors, door)
	n.mu.Unlock()
	door.Close()
	n.under.Done()
}

// admit counts a further connection, and fails when the listener shuts down. release undoes it.
func (n *Listener) admit() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closing {
		return false
	}
	n.open.Add(1)
	n.under.Add(1)
	return true
}

func (n *Listener) release() {
	n.open.Add(-1)
	n.under.Done()
}

// Spare ends a flow by which nothing has passed for a while. Connections are nobody's to end but their clients' and targets'.
func (n *Listener) Spare() bool {
	n.mu.Lock()
	var all []*door
	for d := range n.doors {
		if d, ok := d.(*door); ok {
			all = append(all, d)
		}
	}
	n.mu.Unlock()
	return slices.ContainsFunc(all, (*door).spare)
}
