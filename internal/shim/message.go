package shim

import "fmt"

// Hello opens a connection: the versions that the agent speaks.
type Hello struct {
	Versions []int `json:"versions"`
}

// Welcome answers a Hello: the version to speak from here on, or why there is none.
type Welcome struct {
	Version int    `json:"version,omitzero"`
	Build   string `json:"build,omitzero"`
	PID     int    `json:"pid,omitzero"`
	Error   string `json:"error,omitzero"`
}

// Request asks for exactly one thing: one member is set.
type Request struct {
	Create   *Container `json:"create,omitzero"`
	Start    *Start     `json:"start,omitzero"`
	Stop     *Stop      `json:"stop,omitzero"`
	State    *Empty     `json:"state,omitzero"`
	Watch    *Empty     `json:"watch,omitzero"`
	Listener *Listener  `json:"listener,omitzero"`
	Restart  *Restart   `json:"restart,omitzero"`
	Exec     *Exec      `json:"exec,omitzero"`
	Connect  *Connect   `json:"connect,omitzero"`
	Shutdown *Empty     `json:"shutdown,omitzero"`
}

// Start starts a created container. It is answered once the process runs.
type Start struct {
	Name string `json:"name"`
}

// Restart starts a stopped container for the run-th time; one that began that run or a later one is left as it is. It is
// answered once the process runs.
type Restart struct {
	Name string `json:"name"`
	Run  int    `json:"run"`
}

// Exec starts a further process in a running container. It is answered once the process runs, with files that follow the
// answer: the terminal, or the ends of the pipes to stdin (if asked for), stdout and stderr. A second answer with Exit
// comes when the process has ended. It is killed when the agent closes the connection before.
type Exec struct {
	Name string   `json:"name"`
	Args []string `json:"args"`
	Env  []string `json:"env,omitzero"`  // beside the container's
	User string   `json:"user,omitzero"` // Docker's, as Container.User; empty: the container's
	Dir  string   `json:"dir,omitzero"`  // empty: the container's
	// TTY asks for a terminal of so many characters; 0 leaves a size as it comes.
	TTY    bool   `json:"tty,omitzero"`
	Width  uint16 `json:"width,omitzero"`
	Height uint16 `json:"height,omitzero"`
	Stdin  bool   `json:"stdin,omitzero"`
}

// Exit tells how a process ended: its exit code, or 128 and the number of the signal that ended it.
type Exit struct {
	Code int `json:"code"`
}

// Connect connects to a TCP address, "127.0.0.1:80", from inside a running container's network namespace. The socket follows
// the answer.
type Connect struct {
	Name    string `json:"name"`
	Address string `json:"address"`
}

// Stop sends the stop signal, and SIGKILL to all of the container after so many milliseconds. It is answered once the
// container has stopped. Asked again, the earlier deadline rules and no second signal is sent. 0 kills at once.
type Stop struct {
	Name  string `json:"name"`
	Grace int64  `json:"graceMs,omitzero"`
}

// Listener asks for one of the task's listening sockets: of Task.ListenIn the one of that index.
type Listener struct {
	Index int `json:"index,omitzero"`
}

// Empty is a request without arguments.
type Empty struct{}

// Response answers a Request.
type Response struct {
	Error *Error     `json:"error,omitzero"`
	State *TaskState `json:"state,omitzero"`
	Exit  *Exit      `json:"exit,omitzero"`
}

// Code says what kind of failure an Error is.
type Code string

const (
	NotFound Code = "not found" // no such container
	Invalid  Code = "invalid"   // the request makes no sense here
	Failed   Code = "failed"    // what was asked for could not be done
	None     Code = "none"      // the task has no listener
)

// Error is a shim's refusal.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

func (e *Error) Error() string { return e.Message }

// Errorf makes an Error.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Features is what `berth-shim features` prints.
type Features struct {
	Build   string `json:"build"`
	Version int    `json:"version"`
	Oldest  int    `json:"oldest"`
	Seccomp bool   `json:"seccomp"`
}
