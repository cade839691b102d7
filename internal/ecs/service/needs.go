package service

import (
	"errors"

	"github.com/berth-dev/berth/internal/store"
)

// Balancers is what services need of load balancing beside what tasks do (ecs.Balancing, which registers them and waits until
// they have drained).
type Balancers interface {
	// Group describes a target group by its ARN; ErrNoGroup when there is none.
	Group(scope store.Scope, arn string) (Group, error)
	// Health says how a target of a group is.
	Health(scope store.Scope, arn, target string, port uint16) Health
	// Watch calls told with the ARN of each target group in which some target's health changes, until stop is called.
	Watch(told func(scope store.Scope, arn string)) (stop func())
	// RuleGroups are the target groups, by ARN, that a listener rule forwards to, with their weights; ErrNoRule when there is none.
	RuleGroups(scope store.Scope, rule string) (map[string]int, error)
	// SetWeights makes a listener rule forward to these groups by these weights, as part of the transaction.
	SetWeights(tx *store.Tx, scope store.Scope, rule string, weights map[string]int) error
}

// What Balancers can't find.
var (
	ErrNoGroup = errors.New("the target group does not exist")
	ErrNoRule  = errors.New("the listener rule does not exist")
)

// Group is what a service has to know of a target group.
type Group struct {
	ARN      string
	Instance bool // its targets are container instances, otherwise addresses
	VPC      string
	Protocol string
	// Balanced says that a listener of a load balancer forwards to it.
	Balanced bool
	Checked  bool // it has a health check
}

// Health is a target's, in the words of DescribeTargetHealth.
type Health struct {
	State, Reason, Description string // "unhealthy", "Target.ResponseCodeMismatch", "Health checks failed with these codes: [502]"
}
