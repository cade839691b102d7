package target

import (
	"errors"
	"net/netip"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// ErrNone is the error of Pick when no target is there: none is registered, all drain, or all are unused.
var ErrNone = errors.New("target: no target is registered and in use")

// Want says for whom a target is sought.
type Want struct {
	Zone      string // where the load balancer took the request; "": nowhere in particular
	CrossZone bool   // the load balancer's setting, for groups that leave it to that
	// Sticky is the target that the client had before; zero: none.
	Sticky balancer.TargetKey
	// Source is the client, for groups that are sticky by it.
	Source netip.Addr
	// Avoid is a target that was tried in vain. It is taken only when there is no other.
	Avoid *Target
}

// Pick chooses the target for a request or connection and begins it there: the caller owes an End. It is a healthy one, of
// the zone where there is one and the group does not cross zones; when no target is healthy, any that does not drain.
func (g *Group) Pick(want Want) (*Target, error) {
	for c := g.current(); ; c = g.latest() {
		t := c.pick(want)
		if t == nil {
			return nil, ErrNone
		}
		if t.Begin() { // otherwise it has left since the choices were made
			return t, nil
		}
	}
}
