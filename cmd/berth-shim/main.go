//go:build cgo

// Command berth-shim keeps one task: it starts the task's containers with libcontainer, owns their output, exit codes
// and mounts, and answers the agent over a unix socket (package shim). The native engine starts one for each task; it
// lives until the agent has it shut down, whatever becomes of the agent.
//
//	berth-shim run DIR     keep the task described in DIR/task; file 3 takes one line: "ok", or what is wrong
//	berth-shim features    print what this shim can do, as JSON
//	berth-shim pause DIR   hold the process namespace that a task's containers share, and reap in it
//	berth-shim filter      compile a system call filter, JSON from stdin, and write the program to stdout
//	berth-shim init ...    libcontainer's first stage inside a container
package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/go-json-experiment/json"
	"github.com/opencontainers/runc/libcontainer"
	_ "github.com/opencontainers/runc/libcontainer/nsenter" // enters a container's namespaces before Go starts
	"github.com/opencontainers/runc/libcontainer/seccomp"

	"github.com/berth-dev/berth/internal/shim"
)

// version is set by the linker.
var version = "dev"

// Inside a container this program is libcontainer's init, or the small init that reaps. Both must begin before main: the
// first because it goes on from a half-entered container, the second because it shares its memory with nobody.
func init() {
	if os.Args[0] == reaperPath {
		reap(os.Args[1:])
	}
	if len(os.Args) > 1 && os.Args[1] == "init" {
		useFilter()
		libcontainer.Init()
	}
	// main keeps the main thread: a goroutine that entered another namespace could not end there.
	runtime.LockOSThread()
}

func main() {
	switch {
	case len(os.Args) == 3 && os.Args[1] == "run":
		if err := run(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "berth-shim:", err)
			os.Exit(1)
		}
	case len(os.Args) == 3 && os.Args[1] == pauseArg:
		pause(os.Args[2])
	case len(os.Args) == 2 && os.Args[1] == filterArg:
		if err := compile(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "berth-shim:", err)
			os.Exit(1)
		}
	case len(os.Args) == 2 && os.Args[1] == "features":
		out, err := json.Marshal(shim.Features{Build: version, Version: shim.Version, Oldest: shim.Oldest, Seccomp: seccomp.Enabled})
		if err != nil {
			fmt.Fprintln(os.Stderr, "berth-shim:", err)
			os.Exit(1)
		}
		os.Stdout.Write(append(out, '\n'))
	default:
		fmt.Fprintln(os.Stderr, "berth-shim keeps one task's containers for berth, which starts it; it is not for typing")
		os.Exit(2)
	}
}
