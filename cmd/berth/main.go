// Command berth is Amazon ECS that people run themselves: `berth dev` is the control plane and the agent in one process,
// the other verbs talk to it. This package parses what people type and assembles the rooms; it decides nothing itself.
package main

import (
	"context"
	"os"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx := interruptible(context.Background(), os.Stderr)
	var flags globals
	root := command(&flags)
	cmd, err := root.ExecuteContextC(ctx)
	os.Exit(flags.report(ctx, cmd, err, os.Stderr))
}
