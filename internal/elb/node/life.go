package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

const (
	// firstRetry and lastRetry bound how long what failed is left alone.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 10 * time.Second
	// patience is how long a load balancer that has never stood is said to be on its way.
	patience = 30 * time.Second
	// stepTime bounds what the ground may take for one thing.
	stepTime = time.Minute
	// grace is how long what is under way at a listener that is removed may go on.
	grace = time.Minute
	// haste is that at the end of the process.
	haste = 2 * time.Second
)

// life is one load balancer from when it is first told of until it is gone. Its goroutine makes what is as what is wanted.
type life struct {
	node  *Node
	arn   string
	began time.Time
	kick  chan struct{}
	asks  chan func()   // what others have the goroutine do
	halts chan struct{} // closed when the process ends
	once  sync.Once
	ended chan struct{}
	turns atomic.Uint32 // of the addresses, for what comes by the host

	mu    sync.Mutex
	want  *balancer.Balancer // nil: it is to be removed
	state balancer.Standing
	shown []balancer.Published
	ports map[uint16]uint16 // of this machine, by the load balancer's

	// Of the goroutine alone; at is read by others.
	stood     map[netip.Addr]stood
	at        atomic.Pointer[[]balancer.Address]
	listening map[string]*listening // by the listener's ARN
	named     map[stoodName]bool
	hidden    bool           // some listener could not be published
	closing   sync.WaitGroup // of listeners that were removed
}

// stood is an address that the ground was asked for.
type stood struct {
	vpc string
	balancer.Address
}

// stoodName is a name that the ground was told.
type stoodName struct{ vpc, name string }

func newLife(n *Node, b *balancer.Balancer) *life {
	l := &life{node: n, arn: b.ARN, want: b, began: time.Now(), kick: make(chan struct{}, 1), asks: make(chan func()), halts: make(chan struct{}), ended: make(chan struct{}),
		stood: map[netip.Addr]stood{}, listening: map[string]*listening{}, named: map[stoodName]bool{}}
	l.state = balancer.Standing{Code: balancer.Provisioning}
	l.at.Store(&[]balancer.Address{})
	return l
}

// set has the load balancer be as described; nil removes it.
func (l *life) set(b *balancer.Balancer) {
	l.mu.Lock()
	l.want = b
	l.mu.Unlock()
	l.wake()
}

// wake has the goroutine look again.
func (l *life) wake() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

func (l *life) wanted() *balancer.Balancer {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.want
}

// yield leaves a port of this machine, if it is published there, and tells whether it was. The listener is published again,
// elsewhere.
func (l *life) yield(ctx context.Context, port uint16) bool {
	yielded := make(chan bool, 1)
	do := func() {
		was := false
		for _, g := range l.listening {
			if g.withdraw != nil && g.host == port {
				g.withdraw()
				g.withdraw, g.host, was = nil, 0, true
			}
		}
		yielded <- was
	}
	select {
	case l.asks <- do:
		return <-yielded
	case <-l.ended:
	case <-ctx.Done():
	}
	return false
}

// halt ends it as the process ends: where it stands, it stays.
func (l *life) halt() { l.once.Do(func() { close(l.halts) }) }

func (l *life) standing() balancer.Standing {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

func (l *life) published() []balancer.Published {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shown
}

// publishedAt is the port of this machine at which a port of the load balancer is published; 0: it is not.
func (l *life) publishedAt(port uint16) uint16 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ports[port]
}

func (l *life) run() {
	defer close(l.ended)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-l.halts:
			cancel()
		case <-ctx.Done():
		}
	}()
	wait := firstRetry
	for {
		b := l.wanted()
		err := l.make(ctx, b)
		l.node.remember()
		l.node.nameOnHost()
		if err == nil && b == nil {
			l.closing.Wait()
			return
		}
		var again <-chan time.Time
		if err != nil {
			l.node.log.Warn("a load balancer is not as it should be", "balancer", l.arn, "error", err, "again", wait)
		}
		if err != nil || l.hidden {
			again, wait = time.After(wait), min(2*wait, lastRetry)
		} else {
			wait = firstRetry
		}
		select {
		case <-l.kick:
			wait = firstRetry
		case <-again:
		case do := <-l.asks:
			do()
		case <-l.halts:
			l.stop()
			return
		}
	}
}

// stop ends what runs in this process.
func (l *life) stop() {
	for arn := range l.listening {
		l.drop(arn, haste)
	}
	l.closing.Wait()
}

// make makes the load balancer be as wanted, as far as it can; nil: be gone. What takes no time comes first.
func (l *life) make(ctx context.Context, b *balancer.Balancer) error {
	if b == nil {
		b = &balancer.Balancer{ARN: l.arn}
	}
	var errs []error
	for arn, has := range l.listening {
		if wanted := listenerOf(b, arn); wanted == nil || !has.like(wanted) {
			l.drop(arn, grace)
		} else {
			errs = append(errs, has.update(b, wanted))
		}
	}
	l.use(b)
	errs = append(errs, l.leave(ctx, b), l.stand(ctx, b))
	l.use(b)
	l.hidden = false
	for i := range b.Listeners {
		errs = append(errs, l.listen(ctx, b, &b.Listeners[i]))
	}
	errs = append(errs, l.name(b))
	err := errors.Join(errs...)
	l.tell(b, err)
	return err
}

func listenerOf(b *balancer.Balancer, arn string) *balancer.Listener {
	if i := slices.IndexFunc(b.Listeners, func(l balancer.Listener) bool { return l.ARN == arn }); i >= 0 {
		return &b.Listeners[i]
	}
	return nil
}

// use says from where the load balancer forwards to which groups: from where it stands.
func (l *life) use(b *balancer.Balancer) {
	by := use{}
	if at := *l.at.Load(); len(at) > 0 {
		by = use{groupsOf(b), at}
	}
	l.node.groups.use(l.arn, by)
}

// leave leaves addresses that are no longer wanted.
func (l *life) leave(ctx context.Context, b *balancer.Balancer) error {
	var errs []error
	for ip, s := range l.stood {
		if s.vpc == b.VPC && slices.Contains(b.Addresses, s.Address) {
			continue
		}
		l.notAt(ip)
		for _, has := range l.listening {
			has.leave(ip)
		}
		if err := step(ctx, func(ctx context.Context) error { return l.node.config.Ground.Leave(ctx, s.vpc, s.Address) }); err != nil {
			errs = append(errs, fmt.Errorf("leave %s: %w", ip, err))
			continue
		}
		delete(l.stood, ip)
	}
	return errors.Join(errs...)
}

// stand has the load balancer stand at its addresses.
func (l *life) stand(ctx context.Context, b *balancer.Balancer) error {
	var errs []error
	for _, at := range b.Addresses {
		if slices.Contains(*l.at.Load(), at) {
			continue
		}
		l.stood[at.IP] = stood{b.VPC, at} // also when it fails: something of it may be there
		if err := step(ctx, func(ctx context.Context) error { return l.node.config.Ground.Stand(ctx, b.VPC, at) }); err != nil {
			errs = append(errs, fmt.Errorf("stand at %s: %w", at.IP, err))
			continue
		}
		here := append(slices.Clone(*l.at.Load()), at)
		slices.SortFunc(here, byAddress)
		l.at.Store(&here)
	}
	return errors.Join(errs...)
}

func (l *life) notAt(ip netip.Addr) {
	here := slices.DeleteFunc(slices.Clone(*l.at.Load()), func(a balancer.Address) bool { return a.IP == ip })
	l.at.Store(&here)
}

// name has the load balancer's name lead to where it stands, and no other name.
func (l *life) name(b *balancer.Balancer) error {
	var errs []error
	for has := range maps.Clone(l.named) {
		if has == (stoodName{b.VPC, b.DNSName}) && len(*l.at.Load()) > 0 {
			continue
		}
		err := l.node.config.Ground.Forget(has.vpc, has.name)
		if errs = append(errs, err); err == nil {
			delete(l.named, has)
		}
	}
	var addrs []netip.Addr
	for _, at := range *l.at.Load() {
		addrs = append(addrs, at.IP)
	}
	if len(addrs) > 0 && b.DNSName != "" {
		l.named[stoodName{b.VPC, b.DNSName}] = true
		errs = append(errs, l.node.config.Ground.Name(b.VPC, b.DNSName, addrs))
	}
	return errors.Join(errs...)
}

// tell notes how far it has come.
func (l *life) tell(b *balancer.Balancer, err error) {
	var shown []balancer.Published
	ports := map[uint16]uint16{}
	for _, wanted := range b.Listeners {
		if has := l.listening[wanted.ARN]; has != nil {
			shown = append(shown, has.published)
			ports[has.port] = has.host
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shown, l.ports = shown, ports
	switch {
	case err == nil:
		l.state = balancer.Standing{Code: balancer.Active}
	case l.state.Code == balancer.Active || l.state.Code == balancer.ActiveImpaired:
		l.state = balancer.Standing{Code: balancer.ActiveImpaired, Reason: err.Error()}
	case time.Since(l.began) > patience:
		l.state = balancer.Standing{Code: balancer.Failed, Reason: err.Error()}
	default:
		l.state = balancer.Standing{Code: balancer.Provisioning, Reason: err.Error()}
	}
}

func step(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	return do(ctx)
}
