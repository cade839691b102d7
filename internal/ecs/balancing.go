package ecs

import (
	"errors"

	"github.com/berth-dev/berth/internal/store"
)

// Balancing is what tasks need of load balancing: to be registered with target groups while they run, and to be left alone
// by them before they are stopped. A target is named by its group's ARN, its id (the private address of an awsvpc task,
// otherwise the EC2 instance id of the container instance) and its port.
type Balancing interface {
	// Register registers a target, as part of the transaction. One that is registered stays so, and one that drains is
	// registered again. ErrNoTargetGroup when there is no such group.
	Register(tx *store.Tx, scope store.Scope, group, id string, port uint16) error
	// Deregister has a target drained, as part of the transaction. One that is not there, or drains already, stays as it is,
	// and so does one of a group that is gone.
	Deregister(tx *store.Tx, scope store.Scope, group, id string, port uint16) error
	// Drained tells whether a target that was deregistered has no connections any more, or its time is over.
	Drained(scope store.Scope, group, id string, port uint16) bool
	// Drainings returns what is closed when some target has drained. Ask Drained after this call, not before.
	Drainings() <-chan struct{}
}

// noBalancing is the load balancing of a service that has none.
type noBalancing struct{}

func (noBalancing) Register(*store.Tx, store.Scope, string, string, uint16) error {
	return ErrNoTargetGroup
}
func (noBalancing) Deregister(*store.Tx, store.Scope, string, string, uint16) error { return nil }
func (noBalancing) Drained(store.Scope, string, string, uint16) bool                { return true }
func (noBalancing) Drainings() <-chan struct{}                                      { return nil }

// ErrNoTargetGroup is the answer of Balancing when there is no target group of that ARN.
var ErrNoTargetGroup = errors.New("the target group does not exist")

// Registration is a target as which a task is registered.
type Registration struct {
	Group string `json:"group"` // ARN
	ID    string `json:"id"`
	Port  uint16 `json:"port"`
}

// TaskTarget is a port of a task's container that is registered with a target group.
type TaskTarget struct {
	Group     string `json:"group"` // ARN
	Container string `json:"container"`
	Port      int32  `json:"port"` // of the container
}
