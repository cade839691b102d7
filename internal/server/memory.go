package server

import (
	"os"
	"runtime/debug"
)

// gcPercent is how much the heap of a control plane may grow before it is collected, in percent of what is live. Most of it
// is tasks that stay: collecting half as often as usual makes a launch a tenth cheaper.
const gcPercent = 200

// TuneMemory has the process trade memory for processor time, unless GOGC says how. It is for programs that run a Server.
func TuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
