package room_test

import (
	"testing"

	"github.com/berth-dev/berth/internal/elb/room"
)

// resting is how many connections of a guest carry nothing.
type resting int

func (r *resting) Spare() bool {
	if *r == 0 {
		return false
	}
	*r--
	return true
}

func TestWhatRestsMakesRoomForAnotherGuest(t *testing.T) {
	r := &room.Room{Most: 2}
	full, has := new(resting), new(resting)
	*has = 1
	r.Join(full)
	r.Join(has)
	for i, want := range []bool{true, true, true, false} {
		if r.Enter(full) != want {
			t.Errorf("connection %d: not %v", i+1, want)
		}
	}
	*has = 1
	r.Leave(has)
	if r.Enter(full) {
		t.Error("a guest that has left makes room")
	}
	r.Exit() // the one that was spared
	r.Exit()
	if !r.Enter(full) {
		t.Error("there is no room once another has gone")
	}
}

func TestFlowsLeaveHalfOfTheRoom(t *testing.T) {
	r, g := &room.Room{Most: 4}, new(resting)
	for i, want := range []bool{true, true, false} {
		if r.EnterFlow(g) != want {
			t.Errorf("flow %d: not %v", i+1, want)
		}
	}
	for i, want := range []bool{true, true, false} {
		if r.Enter(g) != want {
			t.Errorf("connection %d beside them: not %v", i+1, want)
		}
	}
	r.ExitFlow()
	if !r.EnterFlow(g) {
		t.Error("there is no room once a flow has gone")
	}
}

func TestWithoutABoundThereIsRoom(t *testing.T) {
	for _, r := range []*room.Room{nil, {}} {
		g := new(resting)
		r.Join(g)
		if !r.Enter(g) || !r.EnterFlow(g) {
			t.Errorf("%v has no room", r)
		}
		r.Exit()
		r.ExitFlow()
		r.Leave(g)
	}
}
