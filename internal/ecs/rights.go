package ecs

import (
	"context"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire"
)

// Who may do what an agent does. Agents' keys are of one machine each, and an agent speaks for that machine alone: what it
// may say of another's tasks it could also be told, with their credentials. Amazon's agent comes with the key of a person,
// who may speak for any.

// SpeaksFor tells whether a caller may speak as the agent of a machine.
func SpeaksFor(caller wire.Caller, machine string) bool {
	switch caller.Kind {
	case wire.Root, wire.User:
		return true
	case wire.Role:
		return caller.TaskARN == ""
	case wire.Agent:
		return caller.Machine == machine
	}
	return false
}

// AgentsOnly refuses what only agents and people may do to the credentials of tasks, and returns who calls.
func AgentsOnly(ctx context.Context) (wire.Caller, error) {
	c := wire.CallerOf(ctx)
	if c.Kind == wire.Agent || SpeaksFor(c, "") {
		return c, nil
	}
	return c, notAuthorized(c)
}

func notAuthorized(c wire.Caller) error {
	return wire.Errorf(api.AccessDeniedException, "User: %s is not authorized to perform this operation", c.ARN)
}

// mayChange refuses an agent that asks about an instance of another machine.
func mayChange(ctx context.Context, i *Instance) error {
	if c := wire.CallerOf(ctx); !SpeaksFor(c, i.Machine) {
		return notAuthorized(c)
	}
	return nil
}
