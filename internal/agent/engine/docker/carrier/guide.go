package carrier

import (
	"context"
	"errors"
	"net/netip"

	"github.com/go-json-experiment/json"
	"github.com/hashicorp/yamux"
)

// streamGuide tells a namespace on Docker's bridge which load balancers there are; answered with an error, which is empty when
// they are found.
const streamGuide = 'g'

// Sign is a load balancer as a namespace finds it that has no address in its VPC: its name, its addresses, and the neighbour on
// the bridge that has them.
type Sign struct {
	Name      string
	Addresses []netip.Addr
	Via       netip.Addr
}

// Guide has these load balancers found in the namespace, and no others.
func (i *Inlet) Guide(ctx context.Context, signs []Sign) error {
	text, err := json.Marshal(signs)
	if err != nil {
		return err
	}
	stream, err := i.begin(ctx, streamGuide, string(text))
	if err != nil {
		return err
	}
	return conn{stream}.Close()
}

// guide has load balancers found as the agent says; one that was followed by another says no more.
func (o *Outlet) guide(session *yamux.Session, stream *yamux.Stream, about []string) error {
	var signs []Sign
	if err := json.Unmarshal([]byte(about[0]), &signs); err != nil {
		return err
	}
	if o.Signs == nil {
		return errors.New("this namespace finds no load balancers")
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.session != session {
		return errors.New("another agent has followed")
	}
	if err := o.Signs(signs); err != nil {
		return err
	}
	return writeText(stream, nil)
}
