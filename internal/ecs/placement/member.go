package placement

import (
	"cmp"
	"slices"

	"github.com/berth-dev/berth/internal/ecs/placement/query"
)

// member is an identity of a machine, and what is counted of its tasks. It answers the questions of expressions.
type member struct {
	Instance
	ledger  *Ledger
	machine *machine    // nil while it is not there
	set     *attributes // nil while it is not there
	groups  []tally     // of its tasks that are not to stop
	running int         // tasks whose last status is RUNNING
	tasks   int
}

// group is a task group that has tasks.
type group struct {
	name  string
	tasks int
	tests [4]test // its last ones: many instances are asked the same of one group
	next  int
}

// test is whether a group is one of some groups.
type test struct {
	of *query.Groups
	is bool
}

// in tells whether the group is one of some groups.
func (g *group) in(some *query.Groups) bool {
	for i := range g.tests {
		if t := &g.tests[i]; t.of == some {
			return t.is
		}
	}
	is := some.Has(g.name)
	g.tests[g.next] = test{some, is}
	g.next = (g.next + 1) % len(g.tests)
	return is
}

// tally counts the tasks of one group.
type tally struct {
	group *group
	n     int32
}

func (l *Ledger) member(id string) *member {
	c := l.members[id]
	if c == nil {
		c = &member{Instance: Instance{ID: id}, ledger: l}
		l.members[id] = c
	}
	return c
}

// leave drops a member that is not there and has no tasks.
func (l *Ledger) leave(c *member) {
	if c.machine == nil && c.tasks == 0 {
		delete(l.members, c.ID)
	}
}

func (l *Ledger) group(name string) *group {
	g := l.groups[name]
	if g == nil {
		g = &group{name: name}
		l.groups[name] = g
	}
	return g
}

// count adds n tasks of a group, or takes them off.
func (c *member) count(g *group, n int32) {
	for i := range c.groups {
		if t := &c.groups[i]; t.group == g {
			if t.n += n; t.n == 0 {
				c.groups = slices.Delete(c.groups, i, i+1)
			}
			return
		}
	}
	c.groups = append(c.groups, tally{g, n})
}

// of is how many tasks of a group are here. g may be nil: a group without tasks.
func (c *member) of(g *group) int64 {
	if g != nil {
		for _, t := range c.groups {
			if t.group == g {
				return int64(t.n)
			}
		}
	}
	return 0
}

// query.Subject

func (c *member) Attribute(name string) (value string, ok bool) {
	value, ok = c.set.values[name]
	return value, ok
}

func (c *member) AgentConnected() bool  { return c.Connected }
func (c *member) AgentVersion() string  { return c.Instance.AgentVersion }
func (c *member) EC2InstanceID() string { return c.Instance.EC2InstanceID }
func (c *member) RegisteredAt() int64   { return c.Instance.RegisteredAt }
func (c *member) RunningTasks() int     { return c.running }

func (c *member) RunsGroup(name string) bool { return c.of(c.ledger.groups[name]) > 0 }

func (c *member) InGroups(some *query.Groups) bool {
	return slices.ContainsFunc(c.groups, func(t tally) bool { return t.group.in(some) })
}

// pool is the instances among which a task may be placed, by id.
type pool struct {
	members []*member
	active  int
}

func (p *pool) find(id string) (int, bool) {
	return slices.BinarySearchFunc(p.members, id, func(c *member, id string) int { return cmp.Compare(c.ID, id) })
}

// enroll puts a member into its pool.
func (l *Ledger) enroll(c *member) {
	p := l.pools[c.Pool]
	if p == nil {
		p = &pool{}
		l.pools[c.Pool] = p
	}
	at, _ := p.find(c.ID)
	p.members = slices.Insert(p.members, at, c)
}

func (l *Ledger) expel(c *member) {
	p := l.pools[c.Pool]
	at, _ := p.find(c.ID)
	p.members = slices.Delete(p.members, at, at+1)
	if len(p.members) == 0 {
		delete(l.pools, c.Pool)
	}
}
