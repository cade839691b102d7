package db

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Identity is one thing that the machine offers and is registered as: its container instance in a cluster, or its
// place in the FARGATE pool. Its name is its key.
type Identity struct {
	Name              string `json:"name"`
	Cluster           string `json:"cluster"`
	ContainerInstance string `json:"containerInstance,omitzero"` // ARN; empty until registered
	// Timeline is the highest sequence number or timeline seen from the control plane; a manifest must be above it.
	Timeline int64 `json:"timeline,omitzero"`

	Unknown jsontext.Value `json:",embed"`
}

// Task is a task that the agent was given, from before the payload is acknowledged until nothing is left of it.
type Task struct {
	ID       string `json:"id"` // 32 hexadecimal digits
	ARN      string `json:"arn"`
	Identity string `json:"identity"`
	// Payload is the task of the agent protocol as it came, less its secrets: acs.Task.
	Payload jsontext.Value `json:"payload"`
	// Stop says that the task is to stop, or has: it never runs again.
	Stop bool `json:"stop,omitzero"`
	// Reason is why the task, rather than one of its containers, failed.
	Reason string `json:"reason,omitzero"`
	// Created says that the engine has had this task: when it is gone there, it has stopped.
	Created bool `json:"created,omitzero"`
	// Running says that its containers started and that this is reported.
	Running bool `json:"running,omitzero"`
	// Stopped says that its containers have ended and that this is reported; what is left is to drain and remove.
	Stopped bool `json:"stopped,omitzero"`

	PullStartedAt      time.Time `json:"pullStartedAt,omitzero"`
	PullStoppedAt      time.Time `json:"pullStoppedAt,omitzero"`
	ExecutionStoppedAt time.Time `json:"executionStoppedAt,omitzero"`

	// Containers holds, by name, what the engine cannot tell.
	Containers map[string]Container `json:"containers,omitzero"`
	// Reports counts the reports made; the last one's Sequence.
	Reports uint64 `json:"reports,omitzero"`

	Unknown jsontext.Value `json:",embed"`
}

// Container is what is remembered of a container beside the engine's own memory.
type Container struct {
	ImageDigest string `json:"imageDigest,omitzero"`
	// Failure is why the container never ran: its image could not be pulled, or it could not be created or started.
	Failure string `json:"failure,omitzero"`
	// Reported is the state last reported: "", "RUNNING" or "STOPPED".
	Reported string `json:"reported,omitzero"`

	Unknown jsontext.Value `json:",embed"`
}

// Report is a change of state that the control plane has yet to acknowledge. Those of a task go out in order.
type Report struct {
	Task     string         `json:"task"` // id
	Sequence uint64         `json:"sequence"`
	Identity string         `json:"identity"`
	Change   jsontext.Value `json:"change"` // ecs.SubmitTaskStateChangeRequest
	// Last says that the report is the task's last.
	Last bool `json:"last,omitzero"`

	Unknown jsontext.Value `json:",embed"`
}
