package why

import (
	"fmt"
	"strings"

	"github.com/berth-dev/berth/internal/ecs"
)

// signals are the names of those by which processes end, by number.
var signals = map[int32]string{
	1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL, an instruction that this processor does not know", 5: "SIGTRAP", 6: "SIGABRT, it gave itself up",
	7: "SIGBUS", 8: "SIGFPE, an arithmetic error", 9: "SIGKILL", 11: "SIGSEGV, it touched memory that is not its own", 13: "SIGPIPE, nobody read its output",
	14: "SIGALRM", 15: "SIGTERM, it was asked to end and had no handler", 24: "SIGXCPU", 25: "SIGXFSZ", 31: "SIGSYS, a system call that is forbidden",
}

// meaning says what the exit code of a container means.
func meaning(c *Case, of *ecs.Container) string {
	if of.ExitCode == nil {
		return ""
	}
	switch code := *of.ExitCode; {
	case code == 0:
		return "success"
	case code == 125:
		return "the container could not be started"
	case code == 126:
		return "the command was found and can't be executed"
	case code == 127:
		return "the command was not found"
	case code == 137 && outOfMemory(of):
		return "SIGKILL: it had used up its memory"
	case code == 137 && c.Task.Stop != nil:
		return "SIGKILL: it had not ended within its stopTimeout"
	case code == 137:
		return "SIGKILL: the kernel, for want of memory, or somebody on the machine killed it"
	case code > 128 && signals[code-128] != "":
		return signals[code-128]
	case code > 128 && code < 128+65:
		return fmt.Sprintf("signal %d", code-128)
	}
	return "its own: what it means is in its log"
}

func outOfMemory(c *ecs.Container) bool { return strings.Contains(c.Reason, "OutOfMemory") }
