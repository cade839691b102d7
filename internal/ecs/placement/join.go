package placement

import "slices"

// Join tells that an identity of a machine is there, and what it is now. Where identities of one machine differ in what
// the machine has, the smaller figure counts.
func (l *Ledger) Join(i Instance) {
	c := l.member(i.ID)
	if c.machine != nil && (c.machine.name != i.Machine || c.Pool != i.Pool) {
		l.Leave(i.ID)
		c = l.member(i.ID)
	}
	fresh := c.machine == nil
	if !fresh && c.Active {
		l.pools[c.Pool].active--
	}
	changed := fresh || c.Total != i.Total || !slices.Equal(c.Ports, i.Ports)
	set := l.share(i.Attributes, c.set)
	l.unshare(c.set)
	c.Instance, c.set = i, set
	c.Attributes = set.list
	if fresh {
		c.machine = l.machine(i.Machine)
		c.machine.members = append(c.machine.members, c)
		l.enroll(c)
	}
	if i.Active {
		l.pools[c.Pool].active++
	}
	if changed {
		c.machine.recount()
	}
}

// Leave tells that an identity is gone. What its tasks take stays counted until they are released.
func (l *Ledger) Leave(id string) {
	c := l.members[id]
	if c == nil || c.machine == nil {
		return
	}
	m := c.machine
	if c.Active {
		l.pools[c.Pool].active--
	}
	l.expel(c)
	l.unshare(c.set)
	c.machine, c.set = nil, nil
	m.members = slices.DeleteFunc(m.members, func(other *member) bool { return other == c })
	m.recount()
	l.forget(m)
	l.leave(c)
}

// Joined is the identity as it was joined last, while it is there.
func (l *Ledger) Joined(id string) (Instance, bool) {
	c := l.members[id]
	if c == nil || c.machine == nil {
		return Instance{}, false
	}
	return c.Instance, true
}

// Active is how many instances of a pool take tasks.
func (l *Ledger) Active(name string) int {
	if p := l.pools[name]; p != nil {
		return p.active
	}
	return 0
}
