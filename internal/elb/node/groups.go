package node

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/elb/target"
)

// groups are the live target groups, and which load balancers forward to them.
type groups struct {
	config target.Config

	changing sync.Mutex     // one change at a time: groups tell of theirs while it is held
	users    map[string]use // by the load balancer's ARN; guarded by changing

	mu   sync.Mutex
	live map[string]*target.Group // by ARN
}

// use is what a load balancer uses groups from.
type use struct {
	groups map[string]bool // ARNs
	at     []balancer.Address
}

func newGroups(config target.Config) *groups {
	return &groups{config: config, live: map[string]*target.Group{}, users: map[string]use{}}
}

// Group is nil when there is none of that ARN.
func (g *groups) Group(arn string) *target.Group {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.live[arn]
}

func (g *groups) all() map[string]*target.Group {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.live)
}

func (g *groups) set(spec *balancer.Group) {
	g.changing.Lock()
	defer g.changing.Unlock()
	if live := g.Group(spec.ARN); live != nil {
		live.Set(spec)
		return
	}
	live := target.New(g.config, spec)
	g.mu.Lock()
	g.live[spec.ARN] = live
	g.mu.Unlock()
	live.Use(g.usersOf(spec.ARN))
}

func (g *groups) remove(arn string) {
	g.changing.Lock()
	defer g.changing.Unlock()
	g.mu.Lock()
	live := g.live[arn]
	delete(g.live, arn)
	g.mu.Unlock()
	if live != nil {
		live.Close()
	}
}

// use says which groups a load balancer forwards to, and where it stands.
func (g *groups) use(arn string, by use) {
	g.changing.Lock()
	defer g.changing.Unlock()
	was := g.users[arn]
	if g.users[arn] = by; len(by.groups) == 0 {
		delete(g.users, arn)
	}
	moved := !slices.Equal(was.at, by.at)
	for group, live := range g.all() {
		if was.groups[group] != by.groups[group] || moved && by.groups[group] {
			live.Use(g.usersOf(group))
		}
	}
}

// usersOf are the addresses of the load balancers that forward to a group, in an order that stays.
func (g *groups) usersOf(group string) (at []balancer.Address) {
	for _, arn := range slices.Sorted(maps.Keys(g.users)) {
		if by := g.users[arn]; by.groups[group] {
			at = append(at, by.at...)
		}
	}
	return at
}

func (g *groups) close() {
	for arn := range g.all() {
		g.remove(arn)
	}
}

// groupsOf are the groups that a load balancer's listeners forward to.
func groupsOf(b *balancer.Balancer) map[string]bool {
	all := map[string]bool{}
	for _, l := range b.Listeners {
		for _, r := range l.Rules {
			if r.Action.Forward == nil {
				continue
			}
			for _, w := range r.Action.Forward.Groups {
				all[w.Group] = true
			}
		}
	}
	return all
}

// byAddress orders addresses of load balancers.
func byAddress(a, b balancer.Address) int {
	return cmp.Or(a.IP.Compare(b.IP), cmp.Compare(a.Interface, b.Interface))
}
