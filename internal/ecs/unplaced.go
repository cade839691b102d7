package ecs

import (
	"slices"
	"sync"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs/placement"
	"github.com/berth-dev/berth/internal/store"
)

// Unplaced is a launch of which tasks found no room.
type Unplaced struct {
	Scope      store.Scope
	At         time.Time
	Cluster    string
	Definition Revision
	Group      string
	Service    string // of which they are tasks; empty: none
	LaunchType api.LaunchType
	Demand     placement.Demand
	Asked      int // for how many tasks
	Short      int // how many found no room
	// Verdicts are about the first task that found none: the closest matches first, of many machines not all.
	Verdicts []placement.Verdict
	// NoMachine says why there is no machine that could be judged; empty when there is one.
	NoMachine string
}

// unplaceable remembers the last launches that found no room, in memory.
type unplaceable struct {
	mu   sync.Mutex
	last []Unplaced // the newest last
}

// keepUnplaced is how many are remembered.
const keepUnplaced = 128

func (u *unplaceable) note(n Unplaced) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if n.Service != "" { // it asks again and again, and what it asked last says it all
		u.last = slices.DeleteFunc(u.last, func(o Unplaced) bool { return o.Scope == n.Scope && o.Cluster == n.Cluster && o.Service == n.Service })
	}
	if len(u.last) == keepUnplaced {
		u.last = slices.Delete(u.last, 0, 1)
	}
	u.last = append(u.last, n)
}

// noteUnplaced remembers what of a launch found no room.
func (s *Service) noteUnplaced(scope store.Scope, l *launch) {
	for _, sh := range l.shares {
		short := sh.count - len(sh.chosen)
		if short <= 0 {
			continue
		}
		n := Unplaced{Scope: scope, At: time.Now().UTC(), Cluster: l.template.Cluster, Definition: l.template.Definition, Group: l.template.Group, Service: l.template.Service,
			LaunchType: sh.pool.launchType, Demand: l.request.Demand, Asked: sh.count, Short: short, Verdicts: sh.refusals}
		if len(sh.refusals) == 0 {
			n.NoMachine = s.noMachine(scope, sh)
		}
		s.unplaced.note(n)
	}
}

// LastUnplaced is the last launch in a cluster that found no room: of a family, a revision ("family:3") or a group when one is
// named. ok is false when none is remembered, which a restart of Berth sees to.
func (s *Service) LastUnplaced(scope store.Scope, cluster, name string) (n Unplaced, ok bool) {
	s.unplaced.mu.Lock()
	defer s.unplaced.mu.Unlock()
	for _, n := range slices.Backward(s.unplaced.last) {
		if n.Scope == scope && n.Cluster == cluster && (name == "" || goesBy(name, n.Definition, n.Group)) {
			return n, true
		}
	}
	return Unplaced{}, false
}

// goesBy tells whether a name is that of a revision, its family or a group.
func goesBy(name string, definition Revision, group string) bool {
	return name == definition.Family || name == definition.String() || name == group
}
