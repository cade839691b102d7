package plan

import (
	"time"

	api "github.com/berth-dev/berth/api/ecs"
)

// Service is what the scheduler has to know of a service's record, and what it changes of it.
type Service struct {
	Name    string
	Desired int  // REPLICA's desired count
	Daemon  bool // DAEMON: a task on each instance
	Deleted bool // DRAINING: all tasks go, protected or not
	// External: others deploy. The rollouts are its task sets, each with a desired count of its own, and none is primary.
	External bool

	Minimum, Maximum int // percent of the desired count: healthy at least, in all at most
	Grace            time.Duration
	Rebalance        bool // of availability zones
	Strategy         api.DeploymentStrategy
	Breaker          Breaker
	Early            Early
	Shift            Shift // of the strategies that shift the traffic

	Rollouts   []Rollout // the newest first
	Deployment *Deployment
	Completed  string // id of the revision that was last deployed with success

	SteadyAt   time.Time // when it last told so; zero: it isn't steady
	Registered time.Time // of the targets that were told of, the latest
	Told       map[string]time.Time
}

// Rollout is a revision's share of the tasks.
type Rollout struct {
	ID, Revision         string
	Primary              bool
	State                api.DeploymentRolloutState
	Reason               string // of the state
	CreatedAt, UpdatedAt time.Time
	Desired              int
	Providers            []Provider // none: its tasks are run by launch type
	// Alternate says that its tasks are registered with the alternate target groups. Share is its share of the production traffic, of All, and Test that it
	// has the test traffic. A rolling update knows none of the three.
	Alternate bool
	Share     int
	Test      bool

	Failures int // of its tasks since it began
	Row      int // since one became healthy
	// Healthy is how many of its tasks were healthy when one last failed, or fewer since: one more ends a row.
	Healthy int
	// Waves is how often in a row tasks failed that were started after the failure before, the last time at WaveAt.
	Waves         int
	WaveAt        time.Time
	NoStartBefore time.Time // the end of the back-off
	Ran           bool      // one of its tasks has been RUNNING
	// Stable says of a task set that it has what it should have.
	Stable bool
}

// Provider is a part of a capacity provider strategy.
type Provider struct {
	Name         string
	Base, Weight int
}

// Deployment is the service deployment that is under way.
type Deployment struct {
	ID         string
	Rollout    string // id of the target's
	Source     string // id of the one that the traffic is shifted from
	Status     api.ServiceDeploymentStatus
	Reason     string // of the status
	Stage      api.ServiceDeploymentLifecycleStage
	StageAt    time.Time // when the stage, or its last step, began
	Step       int       // of the traffic's shift: how many were made
	Calls      []Call
	StartedAt  time.Time
	FinishedAt time.Time
	StoppedAt  time.Time
	Rollback   *Rollback
	// Tripped says that the circuit breaker ended it.
	Tripped bool
}

// Rollback says why, when and whereto a deployment was rolled back.
type Rollback struct {
	Reason   string
	At       time.Time
	Revision string
}

// Phase is as much of a task's status as matters here.
type Phase int

const (
	Starting Phase = iota // PROVISIONING, PENDING, ACTIVATING
	Running               // RUNNING
	Leaving               // DEACTIVATING, STOPPING, DEPROVISIONING
	Gone                  // STOPPED
)

// Task is a task of the service: one that has not stopped, or one whose end has not been counted.
type Task struct {
	ID, Rollout              string
	Phase                    Phase
	Zone, Instance, Provider string
	CreatedAt, StartedAt     time.Time
	ProtectedUntil           time.Time

	Checked bool             // an essential container has a health check
	Health  api.HealthStatus // by those checks
	Targets []Target

	Told bool // it was ordered to stop, or shows signs of its end
	// End is there for a task that came to its end without the scheduler, and was not counted yet.
	End     api.TaskStopCode
	EndedAt time.Time // the first sign of it
}

// Target is a task's registration with a target group.
type Target struct {
	Group        string // ARN
	Port         int
	Registered   time.Time
	State        string // of DescribeTargetHealth; empty: nothing is known
	Reason, Text string
}

// Instance is a container instance that tasks of the service are on, or may be on.
type Instance struct {
	ID       string
	Active   bool // ACTIVE, and its agent is connected
	Draining bool
	Matches  bool // a task of the primary rollout may run there, were there room
	Busy     bool // it has tasks that are not a daemon's
}

// World is what is, as the loop has read it.
type World struct {
	Now          time.Time
	HealthyAfter time.Duration // how long a task without checks runs until it is healthy
	Tasks        []Task
	Instances    map[string]Instance
	// Zones are the availability zones in which its tasks may be; fewer than two: there is nothing to balance.
	Zones []string
	// Full says that the last tasks to be started found no room, until there may be some again.
	Full Full
	// NewID is an id for a rollout that has to be made.
	NewID string
}

// Full is what the loop remembers of a launch that found no room.
type Full struct {
	Until time.Time // when to try again; zero: there was room
	// Zone is the one that was full, where the launch was for one alone.
	Zone bool
}
