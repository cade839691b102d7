// Package why explains what became of a task, why a launch found no room, or how a service is: what happened, in a sentence; the
// evidence; what to do next. It is pure: a [Case] or a [ServiceCase] goes in, an [Explanation] comes out. The control plane gathers the case for `berth why`.
//
// What is known of causes stands in one table (advice.go).
package why

import (
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/ecs/placement"
	"github.com/berth-dev/berth/internal/store"
)

// Case is what is known. Either Task or Unplaced is set.
type Case struct {
	Now   time.Time
	Scope store.Scope
	// Task is the record of a task, and Definition its definition, nil when that is gone.
	Task       *ecs.Task
	Definition *ecs.TaskDefinition
	// Unplaced is a launch that found no room.
	Unplaced *ecs.Unplaced
	// Instance is the instance that the task is or was on, nil when it is gone, and Connected whether its agent is.
	Instance  *ecs.Instance
	Connected bool
	// Verdicts say of each machine whether it has room for the task now.
	Verdicts []placement.Verdict
	// Logs are the last lines of containers, by name.
	Logs map[string]Log
}

// Log is where a container's output went, and its last lines.
type Log struct {
	Group  string   `json:"group,omitzero"`
	Stream string   `json:"stream,omitzero"`
	Lines  []string `json:"lines"`
	// Missing says why there are none, where that is known.
	Missing string `json:"missing,omitzero"`
}

// Explanation is the answer.
type Explanation struct {
	// Verdict says what happened, and Cause why, where a cause is known for it.
	Verdict string `json:"verdict"`
	Cause   string `json:"cause,omitzero"`
	// Next are commands to type and things to change, the likeliest first.
	Next []string `json:"next"`

	TaskARN       string           `json:"taskArn,omitzero"`
	Definition    string           `json:"taskDefinition"` // family:revision
	Cluster       string           `json:"cluster"`
	LaunchType    api.LaunchType   `json:"launchType"`
	LastStatus    ecs.Status       `json:"lastStatus,omitzero"`
	StopCode      api.TaskStopCode `json:"stopCode,omitzero"`
	StoppedReason string           `json:"stoppedReason,omitzero"`

	// Service is there when a service is explained; what is about a task is then about the one that failed last.
	Service *ServiceState `json:"service,omitzero"`

	Placement  Placement   `json:"placement"`
	Timeline   []Step      `json:"timeline"`
	Containers []Container `json:"containers"`
}

// Placement says where a task was placed, or why nowhere.
type Placement struct {
	Text     string    `json:"text"`
	Machines []Machine `json:"machines"`
}

// Machine is the verdict on one machine.
type Machine struct {
	Instance string             `json:"containerInstance"` // id
	Fits     bool               `json:"fits"`
	Obstacle placement.Obstacle `json:"obstacle,omitzero"`
	Text     string             `json:"text"`
}

// Step is one moment of a task's life.
type Step struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
	// Took is the time since the step before, in seconds.
	Took float64 `json:"took"`
}

// Container is what became of one container.
type Container struct {
	Name      string           `json:"name"`
	Image     string           `json:"image"`
	Essential bool             `json:"essential"`
	Status    ecs.Status       `json:"lastStatus"`
	ExitCode  *int32           `json:"exitCode,omitzero"`
	Meaning   string           `json:"meaning,omitzero"` // of the exit code
	Reason    string           `json:"reason,omitzero"`
	Health    api.HealthStatus `json:"health,omitzero"`
	// HealthOutput is what the check printed that found it so.
	HealthOutput string `json:"healthOutput,omitzero"`
	Log          *Log   `json:"log,omitzero"`
}

// Explain explains a case.
func Explain(c Case) Explanation {
	if c.Unplaced != nil {
		return explainUnplaced(c.Unplaced)
	}
	t := c.Task
	e := Explanation{
		TaskARN: ecs.TaskARN(c.Scope, t.Cluster, t.ID), Definition: t.Definition.String(), Cluster: t.Cluster, LaunchType: t.LaunchType,
		LastStatus: t.Status, Placement: placedOn(&c), Timeline: timeline(t), Containers: containers(&c), Next: []string{},
	}
	if stop := t.Why(); stop != nil {
		e.StopCode, e.StoppedReason = stop.Code, stop.Reason
	}
	e.Verdict = verdict(&c)
	if advice, ok := advise(&c); ok {
		e.Cause, e.Next = advice.cause, advice.next
	}
	return e
}
