// Package engine is the seam between the container agent and what runs containers: the native engine (engine/native),
// the Docker engine and a fake one (engine/fake). internal/agent/task calls it; engine/enginetest is the conformance
// suite that every implementation runs.
package engine

import (
	"context"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/moby/moby/api/types/container"
)

// Engine runs the containers of tasks. A task is named by its 32-digit id, a container by its name in the task definition.
//
// Every method is idempotent: repeating a call that succeeded succeeds again and changes nothing, so that an agent that
// died between a call and the record of its result calls again. Methods of different tasks may be called at the same
// time. Methods of one task are called by one goroutine at a time, with two exceptions: Watch, Exec, Dial, Stats and StorageUsed may be
// called at any time, and StartContainer, RestartContainer and StopContainer for different containers at once.
//
// A cancelled context abandons the wait, never the truth: the next Inspect tells what happened. What runs does not depend
// on the life of the caller. Any method may return an error with ErrUnavailable in its chain: then nothing is known.
type Engine interface {
	// Info says what the engine can do and what the machine has.
	Info(ctx context.Context) (Info, error)

	// PullImage makes the image present and returns it. Concurrent pulls of one reference share the work. With
	// policy PullIfAbsent a present image is returned as it is. progress may be nil; it is called from one goroutine.
	// Errors: *Error of kind CannotPullContainer.
	PullImage(ctx context.Context, req PullRequest, progress func(PullProgress)) (Image, error)
	// ImportImage reads an OCI or docker-archive tar, compressed or not, and returns the images named in it.
	ImportImage(ctx context.Context, archive io.Reader, progress func(PullProgress)) ([]Image, error)
	// Images lists the images present, ordered by name.
	Images(ctx context.Context) ([]Image, error)
	// RemoveImage removes a name; the content goes once no name and no task refers to it. ErrNotFound when absent.
	RemoveImage(ctx context.Context, name string) error
	// PruneImages removes the images that no task uses and that the request names, and returns them, by name. A task that
	// starts meanwhile keeps its image.
	PruneImages(ctx context.Context, req PruneRequest) ([]Image, error)

	// CreateTask makes what the task's containers share: its cgroup, its shim, its listener. Nothing runs yet. A task that
	// was lost before it had a container is begun again: it may be one whose creation an agent's death cut off.
	CreateTask(ctx context.Context, spec TaskSpec) error
	// CreateContainer prepares one container (root file system, OCI specification, log spool). Its image must be present.
	// Errors: *Error of kind CannotCreateContainer, with ErrNotFound in its chain when the image is gone.
	CreateContainer(ctx context.Context, task string, spec ContainerSpec) error
	// StartContainer starts a created container and returns once its process runs. A container is started once; see
	// RestartContainer. Errors: *Error of kind CannotStartContainer.
	StartContainer(ctx context.Context, task, name string) error
	// RestartContainer starts a container that has stopped (ContainerSpec.Restarts) for the run-th time, on the file system
	// as its last run left it and with the same RuntimeID. One whose Runs is run or more is left as it is.
	// Errors: *Error of kind CannotStartContainer, also when StopContainer was called meanwhile.
	RestartContainer(ctx context.Context, task, name string, run int) error
	// StopContainer sends the container's stop signal, waits for grace, then kills every process in it. It returns
	// once the container is stopped, or at once when it was never started or has stopped. It can't be started or restarted
	// any more.
	StopContainer(ctx context.Context, task, name string, grace time.Duration) error
	// Exec starts a further process in a running container. It ends with the container, and when the Process is closed or
	// the agent dies. ErrNotFound when the task has no such container; *Error of kind CannotExec when it does not run, or the
	// command can't be started.
	Exec(ctx context.Context, task, name string, spec ExecSpec) (Process, error)
	// Dial connects to a TCP address as seen from inside a running container's network namespace: "127.0.0.1:80".
	Dial(ctx context.Context, task, name, address string) (net.Conn, error)
	// Stats samples what the task's running containers use, in order of creation. It costs some reads of the kernel's
	// counters and waits for nothing.
	Stats(ctx context.Context, task string) ([]ContainerStats, error)
	// StorageUsed is how many bytes of the engine's disk the task takes: what its containers wrote to their root file systems,
	// and what is in the volumes that are its alone, but for those that are mounts. It looks at every file, for as long as that
	// takes. ErrNotFound when the engine has no such task. It may be called at any time.
	StorageUsed(ctx context.Context, task string) (int64, error)
	// Inspect returns the task as it is now. ErrNotFound when the engine has no such task.
	Inspect(ctx context.Context, task string) (TaskStatus, error)
	// Watch returns the task's states: first the latest that the engine has heard of, which may be a moment behind
	// what Inspect tells, then one after each change. Slow readers see the latest, not every one. The channel closes when ctx ends or the task is removed.
	Watch(ctx context.Context, task string) (<-chan TaskStatus, error)
	// Listener returns the listening socket on the task's own metadata address (TaskSpec.Listen). The engine keeps
	// the socket open while no agent lives: connections wait, they are not refused.
	Listener(ctx context.Context, task string) (net.Listener, error)
	// RemoveTask kills what still runs and removes all that CreateTask and CreateContainer made, log spools included:
	// the caller has drained them. Removing an unknown task succeeds.
	RemoveTask(ctx context.Context, task string) error
	// Tasks lists the ids of all tasks the engine has, those left by an earlier agent included.
	Tasks(ctx context.Context) ([]string, error)

	// CreateVolume makes a named volume, or returns the one of that name as it is. Containers mount it by
	// ContainerSpec.Host.Mounts of type "volume" with its name as the source; an empty volume takes on what the image has
	// at the mount's target. Volumes that the image declares, and that nothing is mounted on, are made with the container
	// and go with its task. Errors: *Error of kind CannotCreateVolume.
	CreateVolume(ctx context.Context, spec VolumeSpec) (Volume, error)
	// RemoveVolume removes a volume and what is in it. ErrNotFound when absent, ErrInUse while a container has it.
	RemoveVolume(ctx context.Context, name string) error
	// Volumes lists the volumes that CreateVolume made, ordered by name.
	Volumes(ctx context.Context) ([]Volume, error)

	// Close releases what the engine holds in this process. Tasks go on.
	Close() error
}

// Info is what an engine can do.
type Info struct {
	Name    string // "native", "docker", "fake"
	Version string
	CPUs    int
	Memory  int64 // bytes
	// Bridges says that the engine has a bridge of its own: what its containers in network mode bridge have (address, links,
	// published ports, the task's listener at TaskSpec.Listen inside each) it makes from ContainerSpec.Host, and tells in
	// ContainerStatus. Otherwise ContainerSpec.NetNS is theirs.
	Bridges bool
	// Capabilities are the ECS attribute names the engine earns its agent, such as
	// "com.amazonaws.ecs.capability.docker-remote-api.1.32".
	Capabilities []string
}

// PullPolicy says when a registry is asked.
type PullPolicy int

// The policies but PullIfAbsent are those of ECS_IMAGE_PULL_BEHAVIOR; "prefer-cached" is PullIfAbsent.
const (
	PullIfAbsent PullPolicy = iota // an image that is present, or that this machine's Docker has, is used as it is
	PullAlways                     // "always": the registry is asked, and its failure is the pull's
	PullOrCached                   // "default": the registry is asked; when that fails, an image that is present will do
	PullOnce                       // "once": the registry is asked unless the image that is present came from there
)

// PullRequest names an image to make present.
type PullRequest struct {
	Reference string // as in the task definition: "busybox", "repo:tag", "repo@sha256:..."
	Policy    PullPolicy
	Auth      *RegistryAuth // nil: anonymous
	// Platform is whose image to take of those that the reference stands for: "linux/arm64". Empty: the machine's.
	Platform string
	// Task and Container say who needs it: the engine keeps the image for them until RemoveTask, whatever becomes of its name
	// or its task meanwhile, and may begin to prepare it. Empty: nobody does yet.
	Task, Container string
}

// RegistryAuth is a registry login. It is never logged.
type RegistryAuth struct{ Username, Password string }

// PullProgress is the state of one pull or import.
type PullProgress struct {
	Status          string // "resolving", "pulling", "copying from Docker", "unpacking", "done"
	Layers, Done    int
	Bytes, Complete int64 // bytes in all and received; Bytes is 0 while unknown
}

// Image is an image that is present.
type Image struct {
	Name    string // normalised: "docker.io/library/busybox:latest"
	Digest  string // of the manifest: "sha256:..."
	Size    int64  // bytes of compressed content
	Created time.Time
	Origin  Origin
	UsedAt  time.Time // when a task last had it, or it came; zero while unknown
	InUse   bool      // a task has it now
}

// Origin says where an image came from, and so whether it can be had again.
type Origin string

const (
	FromRegistry Origin = "registry"
	FromDocker   Origin = "docker"  // copied from the Docker daemon of this machine
	FromArchive  Origin = "archive" // imported by hand
	BuiltIn      Origin = "built-in"
)

// PruneRequest says which images are not wanted any more.
type PruneRequest struct {
	// All are also those that can't be had again: imported by hand, or gone from where they came from.
	All bool
	// UnusedFor is how long no task may have used them.
	UnusedFor time.Duration
}

// TaskSpec is what the containers of one task share.
type TaskSpec struct {
	Task string // 32 hexadecimal digits
	// CPU is in ECS units (1024 a core) and Memory in bytes; 0 is no limit. CPUHard makes CPU a ceiling, not only a weight.
	CPU     int64
	CPUHard bool
	Memory  int64
	// NetNS is the path of a network namespace that the containers join. Empty: the host's. See NoNetwork.
	NetNS string
	// NoNetwork gives the task a namespace with nothing but its own loopback interface.
	NoNetwork bool
	// Listen is a TCP address inside NetNS on which the engine listens on the agent's behalf ("169.254.170.2:51679"); see Listener.
	// Port 0 takes a free one, which the listener's Addr tells. Empty: no listener.
	Listen string
	// ListenIn are paths of network namespaces in each of which the engine listens at Listen, instead of in NetNS: those of
	// the task's containers that have their own. Listener accepts for all of them.
	ListenIn []string
	// ResolvConf and Hosts are files on the host that containers see as /etc/resolv.conf and /etc/hosts. Empty: the image's own.
	ResolvConf, Hosts string
	Hostname          string
	// PIDMode and IPCMode say which of these namespaces the containers have: one each (empty), one for all of the task,
	// the host's, or, of IPC alone, one each without a shared memory of its own.
	PIDMode, IPCMode NamespaceMode
}

// NamespaceMode says whose a kind of namespace is, in the words of a task definition.
type NamespaceMode string

const (
	OwnNamespace  NamespaceMode = ""
	TaskNamespace NamespaceMode = "task"
	HostNamespace NamespaceMode = "host"
	NoNamespace   NamespaceMode = "none"
)

// ContainerSpec is one container of a task, in the Docker API's terms, as the ECS payload carries it. Names of other
// containers (Host.VolumesFrom) are those of the task definition. Health checks are the agent's matter: Config.Healthcheck is nil.
type ContainerSpec struct {
	Name       string
	DockerName string // the name that the ECS agent gives: "ecs-FAMILY-REVISION-NAME-ID"
	Image      string // a reference that PullImage made present
	Platform   string // as of PullRequest
	Config     container.Config
	Host       container.HostConfig
	Log        LogSpec
	// Restarts says that RestartContainer may follow: the log stays open when the container stops.
	Restarts bool
	// NetNS, ResolvConf and Hosts are the container's own where the task's containers don't share theirs (network mode
	// bridge); empty: the task's.
	NetNS, ResolvConf, Hosts string
}

// ExecSpec is a further process of a container. What is empty is as the container's own process has it.
type ExecSpec struct {
	Cmd       []string
	Env       []string // beside the container's: "NAME=value"
	User, Dir string
	TTY       bool // a terminal, whose output is all of it on Stdout
	Size      WindowSize
	Stdin     bool // without it the process reads nothing
}

// WindowSize is of a terminal, in characters.
type WindowSize struct{ Width, Height uint16 }

// Process is a process that Exec started. Its methods may be called at the same time.
type Process interface {
	// Stdin is what the process reads; closing it is its end of file. Nil without ExecSpec.Stdin.
	Stdin() io.WriteCloser
	// Stdout and Stderr are what it prints; both end once the process has and all is read. They must be read, or it blocks.
	Stdout() io.Reader
	Stderr() io.Reader
	Resize(size WindowSize) error
	// Wait returns the exit code: of the process, or 128 and the signal that ended it. Its error says that it can't be known.
	Wait(ctx context.Context) (int, error)
	// Close kills the process if it runs and releases what belongs to it.
	Close() error
}

// ContainerStats is a sample of one container, in the Docker API's terms.
type ContainerStats struct {
	Name      string
	RuntimeID string
	Stats     container.StatsResponse
}

// VolumeSpec is a volume to make, in Docker's terms.
type VolumeSpec struct {
	Name   string
	Driver string // empty: "local"
	// Options are the driver's. Those of "local" are type, device and o, as of mount(8): what is mounted where the volume is,
	// while a container has it.
	Options map[string]string
	Labels  map[string]string
	// Task is whose the volume is: one that CreateTask made, and with which it goes. Empty: it stays until RemoveVolume.
	Task string
}

// Volume is a volume that is present.
type Volume struct {
	VolumeSpec
	Path      string // on the engine's machine
	CreatedAt time.Time
}

// LogSpec says where a container's output goes: a spool that the agent reads (package spool). Dir empty: output is dropped.
type LogSpec struct {
	Dir         string // directory of the spool, made by the engine
	MaxBytes    int64  // bound on what is kept unread
	NonBlocking bool   // when full: drop the oldest and count, instead of no longer reading the container's pipe
}

// TaskStatus is a task as the engine knows it.
type TaskStatus struct {
	Task string
	// Lost is set when what kept the task (its shim) died: all its containers are stopped and their exit codes unknown.
	Lost       bool
	LostReason string
	Containers []ContainerStatus // in order of creation
}

// ContainerState is the state of a container in the engine.
type ContainerState string

const (
	Created ContainerState = "created"
	Running ContainerState = "running"
	Stopped ContainerState = "stopped"
)

// ContainerStatus is a container as the engine knows it.
type ContainerStatus struct {
	Name        string
	RuntimeID   string // 64 hexadecimal digits; on the native engine derived from task and name
	ImageDigest string
	State       ContainerState
	Runs        int // how often it was started
	PID         int // of the container's first process, in the host's namespace; 0 unless running
	ExitCode    int // valid when Stopped and ExitKnown
	ExitKnown   bool
	OOMKilled   bool
	Error       string // why it could not be started, when it could not
	CreatedAt   time.Time
	StartedAt   time.Time
	FinishedAt  time.Time
	// Ports are those that the engine published on the host by itself (ContainerSpec.Host.PortBindings), and Address is the one
	// it gave the container; an engine whose containers get their network from elsewhere has none.
	Ports   []Port
	Address netip.Addr
}

// Port is a published port.
type Port struct {
	Container, Host uint16
	Protocol        string // "tcp", "udp"
	HostIP          netip.Addr
}
