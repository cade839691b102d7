package ecs

import (
	"errors"

	"github.com/berth-dev/berth/internal/store"
)

// Network is what the service needs of the VPC service. Errors wrap [ErrNoSubnet], [ErrNoSecurityGroup] or
// [ErrNoAddress] where they are about these.
type Network interface {
	// CreateInterface makes a network interface in one of the subnets, as part of the transaction. Without security
	// groups it gets the default one of the subnet's VPC.
	CreateInterface(tx *store.Tx, scope store.Scope, spec InterfaceSpec) (Interface, error)
	// DeleteInterface removes an interface, as part of the transaction. One that is not there is no error.
	DeleteInterface(tx *store.Tx, scope store.Scope, id string) error
}

// InterfaceSpec is a network interface to be made.
type InterfaceSpec struct {
	Subnets        []string // ids, at least one
	SecurityGroups []string // ids
	Public         bool     // assign a public address
	Attachment     string   // ARN of the attachment that it is for
	Description    string
	Owner          string // ARN of the task that it is for
}

// What can be wrong with the network that a task asks for. The error that wraps one of them begins with the id it is
// about.
var (
	ErrNoSubnet        = errors.New("the subnet does not exist")
	ErrNoSecurityGroup = errors.New("the security group does not exist")
	ErrNoAddress       = errors.New("the subnet has no free address")
)
