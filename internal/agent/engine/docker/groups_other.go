//go:build !linux

package docker

import (
	"context"

	"github.com/moby/moby/api/types/system"
)

// groups are a Linux machine's.
type groups struct{}

func findGroups(string, system.Info) *groups { return nil }

func sameMachine(system.Info) bool { return false }

func (*groups) path(string) string                   { return "" }
func (*groups) limit(string, limits) error           { return nil }
func (*groups) remove(context.Context, string) error { return nil }
func (*groups) clean(context.Context) error          { return nil }
