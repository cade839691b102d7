// Package shim is what the agent and a task's shim say to each other: the types, the frames that carry them over the
// shim's unix socket, and the agent's side of the conversation. cmd/berth-shim is the other side; the native engine
// (internal/agent/engine/native) calls it.
//
// A connection begins with a Hello from the agent and the shim's answer, which fixes the protocol's version. After that
// the agent sends one Request at a time and reads its Response; Watch is answered by a Response for each state.
// A shim lives as long as its task and may be older or newer than the agent: each side speaks Version and the two before.
package shim

import (
	"path/filepath"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Version is the newest version of the protocol, Oldest the last one still spoken. A change that an older side would
// misread makes a new version; a new member that it may ignore does not.
const (
	Version = 2 // containers are restarted and entered
	Oldest  = 1
)

// Files in a shim's directory.
const (
	SocketFile = "sock"   // the unix socket, mode 0600
	StateFile  = "state"  // TaskState as JSON, replaced at each change
	TaskFile   = "task"   // Task as JSON, written by the agent before it starts the shim
	LockFile   = "lock"   // flock held by the shim for life, and by the agent while it starts or buries one
	ErrorFile  = "stderr" // what a dying shim has to say
	ShmDir     = "shm"    // the shared memory of a task's containers, a file system in the shim's mount namespace
)

// ContainerDir is the directory of one container in the shim's: the agent puts small files there that it mounts into
// the container, the shim the root file system.
func ContainerDir(dir, name string) string { return filepath.Join(dir, "c", name) }

// InstanceGroup is the path of the control group of all that an instance runs.
func InstanceGroup(instance string) string { return "/berth/" + instance }

// ShimsGroup is the path of the control group of an instance's shims.
func ShimsGroup(instance string) string { return InstanceGroup(instance) + "/shims" }

// TaskGroup is the path of a task's control group, above those of its containers. (It can't be below "tasks": every v1
// group has a file of that name.)
func TaskGroup(instance, task string) string { return InstanceGroup(instance) + "/task/" + task }

// ContainerGroup is the path of a container's control group. It is named by the runtime id, as a container may be
// called as one of the group's own files.
func ContainerGroup(instance, task, runtimeID string) string {
	return TaskGroup(instance, task) + "/" + runtimeID
}

// Task is what a shim is told at its start.
type Task struct {
	Instance string `json:"instance"`
	Task     string `json:"task"`
	// CPU is in ECS units (1024 a core), Memory in bytes; 0 is no limit. CPUHard makes CPU a ceiling too.
	CPU     int64 `json:"cpu,omitzero"`
	CPUHard bool  `json:"cpuHard,omitzero"`
	Memory  int64 `json:"memory,omitzero"`
	// PIDs is how many processes and threads all of it may have; 0 is no limit.
	PIDs int64 `json:"pids,omitzero"`
	// SharedPID and SharedIPC ask for one namespace of the kind for the containers that have none of their own.
	SharedPID bool `json:"sharedPid,omitzero"`
	SharedIPC bool `json:"sharedIpc,omitzero"`
	// NetNS is the path of the network namespace, empty for the host's. NoNetwork asks for a new one with nothing
	// but loopback.
	NetNS     string `json:"netns,omitzero"`
	NoNetwork bool   `json:"noNetwork,omitzero"`
	// Listen is the address in that namespace on which the shim listens for TakeListener.
	Listen string `json:"listen,omitzero"`
	// ListenIn are paths of network namespaces in each of which it listens at that address, instead of in NetNS.
	ListenIn []string `json:"listenIn,omitzero"`
}

// Mount is a file system to mount: Options are those of mount(8), flags and data together.
type Mount struct {
	Type    string   `json:"type"`
	Source  string   `json:"source"`
	Options []string `json:"options,omitzero"`
}

// Volume is made ready by the shim, in its own mount namespace, before the container that mounts it.
type Volume struct {
	// Path is where its content is.
	Path string `json:"path"`
	// Mount is mounted there, once for the task; its directory is made. Nil: the content is in the directory itself.
	Mount *Mount `json:"mount,omitzero"`
	// Sub is a directory below Path that is bound to At, which is made; no symbolic link leads out of Path on the way.
	Sub string `json:"sub,omitzero"`
	At  string `json:"at,omitzero"`
	// Fill is the path in the root file system whose content the volume takes on if it is empty. Empty: none's.
	Fill string `json:"fill,omitzero"`
	// Guard is a directory beside the content in which the fillings of the volume, of any task, take their turns.
	Guard string `json:"guard"`
}

// Source is what the container mounts.
func (v Volume) Source() string {
	if v.Sub != "" {
		return v.At
	}
	return v.Path
}

// Container is what a shim is told to create.
type Container struct {
	Name        string `json:"name"`
	RuntimeID   string `json:"runtimeId"`
	ImageDigest string `json:"imageDigest,omitzero"`
	// Rootfs is mounted by the shim, in its own mount namespace.
	Rootfs []Mount `json:"rootfs"`
	// Volumes are made ready once that stands.
	Volumes []Volume `json:"volumes,omitzero"`
	// Spec is complete but for the root's path, the user, the cgroup, and the namespaces that are the task's, which the shim fills in.
	Spec *specs.Spec `json:"spec"`
	// NetNS is the path of the container's own network namespace; empty: the task's.
	NetNS string `json:"netns,omitzero"`
	// NoNetwork gives it a new one with nothing but loopback.
	NoNetwork bool `json:"noNetwork,omitzero"`
	// User is Docker's: "user", "uid", "user:group"; names are looked up in the root file system. Groups are more
	// groups to be in, by name or number.
	User   string   `json:"user,omitzero"`
	Groups []string `json:"groups,omitzero"`
	// Init runs the process under a small init that reaps orphans and passes signals on.
	Init       bool   `json:"init,omitzero"`
	StopSignal int    `json:"stopSignal"`
	Log        LogDir `json:"log,omitzero"`
	// Restarts says that Restart may follow: the log stays open when the container stops.
	Restarts bool `json:"restarts,omitzero"`
	// Stdin has the process find its stdin open and empty. With Spec.Process.Terminal it has a terminal, whose output is the
	// log's stdout.
	Stdin bool `json:"stdin,omitzero"`
}

// LogDir says where a container's output goes; see package spool. Path empty: it is dropped.
type LogDir struct {
	Path        string `json:"path,omitzero"`
	MaxBytes    int64  `json:"maxBytes,omitzero"`
	NonBlocking bool   `json:"nonBlocking,omitzero"`
}

// TaskState is all that a shim knows, as Watch sends it and the state file holds it.
type TaskState struct {
	// Revision counts the changes, from 1.
	Revision   int64            `json:"revision"`
	PID        int              `json:"pid"` // of the shim
	Containers []ContainerState `json:"containers,omitzero"`
}

// Status of a container.
type Status string

const (
	Created Status = "created"
	Running Status = "running"
	Stopped Status = "stopped"
)

// ContainerState is a container as its shim knows it.
type ContainerState struct {
	Name        string    `json:"name"`
	RuntimeID   string    `json:"runtimeId"`
	ImageDigest string    `json:"imageDigest,omitzero"`
	LogPath     string    `json:"logPath,omitzero"`
	Status      Status    `json:"status"`
	Runs        int       `json:"runs,omitzero"` // how often it was started; a shim of version 1 doesn't say
	PID         int       `json:"pid,omitzero"`
	ExitCode    int       `json:"exitCode,omitzero"`
	ExitKnown   bool      `json:"exitKnown,omitzero"`
	OOMKilled   bool      `json:"oomKilled,omitzero"`
	Error       string    `json:"error,omitzero"` // why it could not be started
	CreatedAt   time.Time `json:"createdAt,omitzero"`
	StartedAt   time.Time `json:"startedAt,omitzero"`
	FinishedAt  time.Time `json:"finishedAt,omitzero"`
}
