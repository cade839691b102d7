// Package room bounds how many connections of clients there are at once on one machine, whichever data path of package elb
// serves them.
package room

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Room is what the listeners share that were given it. One that is nil, or whose Most is 0, is without bound.
type Room struct {
	// Most is how many connections and flows there may be at once. Flows are at most half of them: who makes them need not
	// have the address that they come from.
	Most int64

	open, flows atomic.Int64

	mu     sync.Mutex
	guests map[Guest]struct{}
}

// Guest is a listener whose connections and flows are counted. Its methods are called while none of the room is locked.
type Guest interface {
	// Spare ends a connection or flow that carries nothing, if it finds one soon, and tells whether it did.
	Spare() bool
}

// asked is how many guests are asked for what they can spare.
const asked = 16

// Join has a guest be asked to make room for others, until it leaves.
func (r *Room) Join(g Guest) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.guests == nil {
		r.guests = map[Guest]struct{}{}
	}
	r.guests[g] = struct{}{}
}

// Leave undoes Join.
func (r *Room) Leave(g Guest) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.guests, g)
}

// Enter counts a connection of the guest. Where there is no room, what rests makes it: the guest's own first. It tells whether
// there is room, and counts nothing otherwise.
func (r *Room) Enter(g Guest) bool {
	if r == nil {
		return true
	}
	if r.open.Add(1) <= r.Most || r.Most == 0 || g.Spare() || r.spared(g) {
		return true
	}
	r.open.Add(-1)
	return false
}

// EnterFlow is Enter for a flow.
func (r *Room) EnterFlow(g Guest) bool {
	if r == nil {
		return true
	}
	if r.flows.Add(1) <= (r.Most+1)/2 || r.Most == 0 || g.Spare() {
		if r.Enter(g) {
			return true
		}
	}
	r.flows.Add(-1)
	return false
}

// Exit undoes Enter.
func (r *Room) Exit() {
	if r != nil {
		r.open.Add(-1)
	}
}

// ExitFlow undoes EnterFlow.
func (r *Room) ExitFlow() {
	if r != nil {
		r.flows.Add(-1)
		r.open.Add(-1)
	}
}

// spared is whether another guest has ended something.
func (r *Room) spared(but Guest) bool {
	r.mu.Lock()
	others := make([]Guest, 0, asked)
	for g := range r.guests {
		if len(others) == asked {
			break
		}
		if g != but {
			others = append(others, g)
		}
	}
	r.mu.Unlock()
	return slices.ContainsFunc(others, Guest.Spare)
}
