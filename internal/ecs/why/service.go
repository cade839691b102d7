package why

import (
	"slices"
	"strings"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
)

// ServiceCase is what is known of a service: what the API answers of it, the task of it that failed last, and the launch of it that
// found no room.
type ServiceCase struct {
	Now     time.Time
	Service api.Service
	// Deployment is its newest service deployment, or the one that is asked about; nil when there is none.
	Deployment *api.ServiceDeployment
	Targets    []Target
	// Failed explains the task that failed last since the deployment began, and Unplaced the launch since then that found no room.
	Failed, Unplaced *Explanation
}

// Newer tells whether a deployment after the one that is asked about is under way.
func (c *ServiceCase) Newer() bool {
	current := c.Service.CurrentServiceDeployment
	return c.Deployment != nil && current != "" && current != c.Deployment.ServiceDeploymentArn
}

// Target is a task of the service behind a load balancer.
type Target struct {
	Group       string `json:"targetGroup"` // name
	Target      string `json:"target"`      // address or instance, and port
	State       string `json:"state"`
	Reason      string `json:"reason,omitzero"`
	Description string `json:"description,omitzero"`
}

// ServiceState is the evidence on a service.
type ServiceState struct {
	ARN        string          `json:"serviceArn"`
	Status     string          `json:"status"`
	Desired    int32           `json:"desiredCount"`
	Running    int32           `json:"runningCount"`
	Pending    int32           `json:"pendingCount"`
	Rollouts   []Rollout       `json:"rollouts"`
	Deployment string          `json:"serviceDeploymentArn,omitzero"`
	Deployed   string          `json:"deploymentStatus,omitzero"`
	Stage      string          `json:"lifecycleStage,omitzero"`
	Breaker    *CircuitBreaker `json:"circuitBreaker,omitzero"`
	Targets    []Target        `json:"targets"`
	Events     []ServiceEvent  `json:"events"`              // the newest, oldest first
	FailedTask string          `json:"failedTask,omitzero"` // what became of it
}

// Rollout is one revision's share of a service's tasks.
type Rollout struct {
	ID         string `json:"id"`
	Definition string `json:"taskDefinition"` // family:revision
	Primary    bool   `json:"primary"`
	State      string `json:"rolloutState,omitzero"`
	Reason     string `json:"rolloutStateReason,omitzero"`
	Desired    int32  `json:"desiredCount"`
	Running    int32  `json:"runningCount"`
	Pending    int32  `json:"pendingCount"`
	Failed     int32  `json:"failedTasks"`
}

// CircuitBreaker says how far a deployment is from being given up.
type CircuitBreaker struct {
	Status    string `json:"status"`
	Failures  int32  `json:"failureCount"`
	Threshold int32  `json:"threshold"`
}

// ServiceEvent is an event of the service, without its name.
type ServiceEvent struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

// eventsTold is how many events are told.
const eventsTold = 10

// ExplainService explains how a service is. Where a task has failed, what is known of that task is in the answer too.
func ExplainService(c ServiceCase) Explanation {
	s := &c.Service
	e := Explanation{Next: []string{}, Timeline: []Step{}, Containers: []Container{}, Placement: Placement{Machines: []Machine{}}}
	switch {
	case c.Unplaced != nil:
		e = *c.Unplaced
	case c.Failed != nil:
		e = *c.Failed
	}
	evidence, cause, next := e.Verdict, e.Cause, e.Next
	e.Definition, e.Cluster, e.LaunchType = last(s.TaskDefinition), last(s.ClusterArn), s.LaunchType
	e.Service = stateOf(&c)
	if c.Failed != nil {
		e.Service.FailedTask = c.Failed.Verdict
	}
	found := judge(&c)
	e.Verdict, e.Cause, e.Next = found.verdict, found.cause, found.next
	if found.byEvidence {
		e.Cause, e.Next = strings.TrimSpace(evidence+" "+cause), append(slices.Clone(next), found.next...)
	}
	if e.Next == nil {
		e.Next = []string{}
	}
	return e
}

func last(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

func stateOf(c *ServiceCase) *ServiceState {
	s := &c.Service
	state := &ServiceState{ARN: s.ServiceArn, Status: s.Status, Desired: s.DesiredCount, Running: s.RunningCount, Pending: s.PendingCount,
		Rollouts: []Rollout{}, Targets: append([]Target{}, c.Targets...), Events: []ServiceEvent{}}
	for _, d := range s.Deployments {
		state.Rollouts = append(state.Rollouts, Rollout{d.Id, last(d.TaskDefinition), d.Status == "PRIMARY", string(d.RolloutState), d.RolloutStateReason,
			d.DesiredCount, d.RunningCount, d.PendingCount, d.FailedTasks})
	}
	if d := c.Deployment; d != nil {
		state.Deployment, state.Deployed, state.Stage = d.ServiceDeploymentArn, string(d.Status), string(d.LifecycleStage)
		if b := d.DeploymentCircuitBreaker; b != nil && b.Status != api.ServiceDeploymentRollbackMonitorsStatusDisabled {
			state.Breaker = &CircuitBreaker{string(b.Status), b.FailureCount, b.Threshold}
		}
	}
	for i := min(eventsTold, len(s.Events)) - 1; i >= 0; i-- {
		state.Events = append(state.Events, ServiceEvent{s.Events[i].CreatedAt.Time, eventText(s, s.Events[i].Message)})
	}
	return state
}

// eventText is an event without the name of the service.
func eventText(s *api.Service, message string) string {
	return strings.TrimPrefix(message, "(service "+s.ServiceName+") ")
}
