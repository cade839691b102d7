//go:build !linux

package network

import (
	"context"
)

// Network needs Linux.
type Network struct{}

// New returns ErrUnsupported.
func New(Config) (*Network, error) { return nil, ErrUnsupported }

// Attach returns ErrUnsupported.
func (*Network) Attach(context.Context, TaskNet) (Attached, error) {
	return Attached{}, ErrUnsupported
}

// Detach returns ErrUnsupported.
func (*Network) Detach(context.Context, string) error { return ErrUnsupported }

// Bridge returns ErrUnsupported.
func (*Network) Bridge(context.Context, ContainerNet) (Bridged, error) {
	return Bridged{}, ErrUnsupported
}

// Unbridge returns ErrUnsupported.
func (*Network) Unbridge(context.Context, string) error { return ErrUnsupported }

// BridgedTasks returns nothing.
func (*Network) BridgedTasks() []string { return nil }

// List returns nothing.
func (*Network) List() []TaskNet { return nil }

// Close does nothing.
func (*Network) Close() error { return nil }

// Clean does nothing: nothing can have been made.
func Clean(context.Context, Config) error { return nil }
