package ecs

import (
	"errors"
	"strings"

	"github.com/berth-dev/berth/internal/store"
)

// Network is what the service needs of the VPC service.
type Network interface {
	// CreateInterface makes a network interface in one of the subnets, as part of the transaction. Without security
	// groups it gets the default one of the subnet's VPC.
	CreateInterface(tx *store.Tx, scope store.Scope, spec InterfaceSpec) (Interface, error)
	// Zones are the availability zones of subnets; none when one of the subnets is not there.
	Zones(scope store.Scope, subnets []string) []string
	// DeleteInterface removes an interface, as part of the transaction. One that is not there is no error.
	DeleteInterface(tx *store.Tx, scope store.Scope, id string) error
}

// InterfaceSpec is a network interface to be made.
type InterfaceSpec struct {
	Subnets        []string // ids, at least one
	Zone           string   // availability zone to which the choice is restricted; empty: any
	SecurityGroups []string // ids
	Public         bool     // assign a public address
	Attachment     string   // ARN of the attachment that it is for
	Description    string
	Owner          string // ARN of the task that it is for
}

// What can be wrong with the network that a task asks for. An error that wraps one of them begins with the id that it is
// about and a colon.
var (
	ErrNoSubnet        = errors.New("the subnet does not exist")
	ErrNoSecurityGroup = errors.New("the security group does not exist")
	// ErrOtherVPC: subnets and security groups are not all of one VPC.
	ErrOtherVPC  = errors.New("it belongs to another VPC")
	ErrNoAddress = errors.New("the subnet has no free address")
)

// networkError is what ECS answers when a network interface cannot be made.
func networkError(err error) error {
	id, _, _ := strings.Cut(err.Error(), ":")
	switch {
	case errors.Is(err, ErrNoSubnet):
		return invalidParameter("Error retrieving subnet information for [%s]: The subnet ID '%s' does not exist (ErrorCode: InvalidSubnetID.NotFound)", id, id)
	case errors.Is(err, ErrNoSecurityGroup):
		return invalidParameter("Error retrieving security group information for [%s]: The security group '%s' does not exist (ErrorCode: InvalidGroup.NotFound)", id, id)
	case errors.Is(err, ErrOtherVPC):
		return invalidParameter("Subnets and security groups must be of one VPC: %s is of another.", id)
	case errors.Is(err, ErrNoAddress):
		return invalidParameter("The subnet '%s' has no free address (ErrorCode: InsufficientFreeAddressesInSubnet)", id)
	}
	return err
}
