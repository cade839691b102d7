// Package placement decides on which container instance a task runs. It is pure: no store, no clock, no network; the
// same requests, instances and seeds always give the same answers. The placer of package ecs calls it: its [Ledger] has
// what every machine has left, places tasks, and says why one finds no room.
//
// An instance is an identity of a machine. A machine may offer several of them (a container instance and a Fargate
// identity), and they draw on one account: what runs under one is not free for the other.
package placement

import (
	"strconv"

	"github.com/berth-dev/berth/internal/ecs/placement/query"
)

// Request is what a task asks for.
type Request struct {
	Demand
	// Pool names the instances among which it may be placed.
	Pool string
	// Instance is the only one that may be chosen, where the task was given to it by name; empty: any of the pool.
	Instance string
	// Part narrows the pool to the instances that carry an attribute; of the others nothing is said. Zero: the whole pool.
	Part Attribute
	// Group is the task's group: spread and distinctInstance look at its tasks.
	Group string
	// Attributes that an instance must carry. An empty Value asks for the name alone.
	Attributes []Attribute
	// Zones are the availability zones in which the task's network can be; none: any.
	Zones []string
	// Constraints must all be met.
	Constraints []Constraint
	// Strategies say which of the instances that fit is taken: each decides among those that are equal to the ones before
	// it, and chance among those that are equal to all.
	Strategies []Strategy
	// Seed is where chance comes from. Of several tasks, the next one has the next number.
	Seed uint64
}

// Demand is what a task takes from its machine while it runs there.
type Demand struct {
	CPU    int64  `json:"cpu,omitzero"`    // units, 1024 a core
	Memory int64  `json:"memory,omitzero"` // MiB
	Ports  []Port `json:"ports,omitzero"`  // of the host
	GPUs   int64  `json:"gpus,omitzero"`   // or AllGPUs
	ENIs   int64  `json:"enis,omitzero"`   // network interfaces of its own
}

// AllGPUs is the demand for all GPUs of an instance, of which there must be one at least, and none taken.
const AllGPUs = -1

// Port is a port of the host's own network.
type Port struct {
	Protocol string `json:"protocol"` // "tcp" or "udp"
	Number   int    `json:"number"`
}

// String is the port as people write it: "8080/tcp".
func (p Port) String() string { return strconv.Itoa(p.Number) + "/" + p.Protocol }

// Attribute is a name and a value that an instance carries or a task asks for.
type Attribute struct{ Name, Value string }

// Constraint is a condition on the instance, by ECS's name of its type.
type Constraint struct {
	Type       ConstraintType
	Expression *query.Expr // of MemberOf
}

// ConstraintType is a type of constraints.
type ConstraintType string

const (
	// DistinctInstance: no other task of the group, that is not to stop, is on the instance.
	DistinctInstance ConstraintType = "distinctInstance"
	// MemberOf: the expression selects the instance.
	MemberOf ConstraintType = "memberOf"
)

// Strategy prefers some instances to others, by ECS's name of its type.
type Strategy struct {
	Type StrategyType
	// Field is InstanceID or "attribute:NAME" of Spread, "cpu" or "memory" of Binpack.
	Field string
}

// StrategyType is a type of strategies.
type StrategyType string

const (
	// Random takes any: those after it have nothing left to decide.
	Random StrategyType = "random"
	// Spread takes the value of the field with the fewest tasks of the group that are not to stop. Instances without the
	// attribute are together.
	Spread StrategyType = "spread"
	// Binpack takes the machine with the least left of the field.
	Binpack StrategyType = "binpack"
	// Emptiest takes the machine that keeps the largest share of its memory free. It is Berth's own, for Fargate.
	Emptiest StrategyType = "emptiest"
)

// Fields of strategies.
const (
	InstanceID     = "instanceId"
	FieldCPU       = "cpu"
	FieldMemory    = "memory"
	FieldAttribute = "attribute:" // and a name
)

// Capacity is an amount of what machines have.
type Capacity struct {
	CPU    int64 `json:"cpu,omitzero"`    // units, 1024 a core
	Memory int64 `json:"memory,omitzero"` // MiB
	ENIs   int64 `json:"enis,omitzero"`   // network interfaces for tasks; of a machine, 0: as many as one likes
}

// Instance is a candidate: one identity of one machine. The ledger's are not changed.
type Instance struct {
	ID         string
	Machine    string
	Pool       string
	Active     bool   // not draining, not deregistered
	Connected  bool   // its agent has a session
	Zone       string // availability zone; empty: it didn't say, and any is right
	Attributes []Attribute

	Total Capacity // of the machine
	Ports []Port   // those that the machine keeps for itself
	GPUs  []string // ids

	// What expressions can ask for besides.
	AgentVersion  string
	EC2InstanceID string
	RegisteredAt  int64 // seconds since 1970
}

// Attribute is the value of an attribute, empty when it isn't there.
func (i *Instance) Attribute(name string) string {
	for _, a := range i.Attributes {
		if a.Name == name {
			return a.Value
		}
	}
	return ""
}

// Task is a task that takes its demand from a machine.
type Task struct {
	ID       string
	Instance string
	Machine  string
	Group    string
	Demand   Demand
	GPUs     []string // ids of those that it was given
	// Published are the ports of the host that its agent has found for it, beside those of its demand.
	Published []Port
	Ending    bool // it is to stop
	Running   bool // its last status is RUNNING
}
