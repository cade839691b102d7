package db

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/api/tcs"
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

// Task is a task that the agent was given, from before the payload is acknowledged until nothing is left of it. It says
// what should be; who receives payloads writes it.
type Task struct {
	ID       string `json:"id"` // 32 hexadecimal digits
	ARN      string `json:"arn"`
	Identity string `json:"identity"`
	// Payload is the task of the agent protocol as it came, less its secrets: acs.Task.
	Payload jsontext.Value `json:"payload"`
	// Stop says that the task is to stop. It is never taken back.
	Stop bool `json:"stop,omitzero"`

	Unknown jsontext.Value `json:",embed"`
}

// Progress is how far a task came. It says what is, where the engine cannot tell; the task's own goroutine writes it.
type Progress struct {
	ID string `json:"id"`
	// Created says that the engine has had this task: when it is gone there, it has stopped.
	Created bool `json:"created,omitzero"`
	// Running says that its containers started and that this is reported.
	Running bool `json:"running,omitzero"`
	// Failed is why the task, rather than one of its containers, came to its end.
	Failed string `json:"failed,omitzero"`
	// Stopped says that its containers have ended and that this is reported; what is left is to drain and remove.
	Stopped bool `json:"stopped,omitzero"`

	PullStartedAt      time.Time `json:"pullStartedAt,omitzero"`
	PullStoppedAt      time.Time `json:"pullStoppedAt,omitzero"`
	ExecutionStoppedAt time.Time `json:"executionStoppedAt,omitzero"`

	Containers map[string]Container `json:"containers,omitzero"`
	// Reports counts the reports made: the last one's Sequence.
	Reports uint64 `json:"reports,omitzero"`

	Unknown jsontext.Value `json:",embed"`
}

// Container is what is remembered of a container.
type Container struct {
	// Failed is why the container never ran: its image could not be pulled, or it could not be created or started.
	Failed string `json:"failed,omitzero"`
	// Unrestarted is why the container, having run, could not be restarted as its policy has it.
	Unrestarted string `json:"unrestarted,omitzero"`
	// Health is what was last found of it; nil before the first finding.
	Health *Health `json:"health,omitzero"`
	// Reported is the state last reported: "RUNNING", "STOPPED", or empty.
	Reported string `json:"reported,omitzero"`

	Unknown jsontext.Value `json:",embed"`
}

// Health is what is known of the health of one run of a container.
type Health struct {
	Run    int              `json:"run"`
	Status tcs.HealthStatus `json:"status"`
	Since  time.Time        `json:"since"`
	Output string           `json:"output,omitzero"` // of the check that was made last when the status changed
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
