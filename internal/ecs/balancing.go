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

// ErrNoTargetGroup is the answer of Balancing when there is no target group of that ARN.
var ErrNoTargetGroup = errors.New("the target group does not exist")

// TaskTarget is a port of a task's container that is registered with a target group.
type TaskTarget struct {
	Group     string `json:"group"` // ARN
	Container string `json:"container"`
	Port      int32  `json:"port"` // of the container
}
