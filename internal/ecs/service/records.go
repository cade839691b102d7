package service

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	api "github.com/berth-dev/berth/api/ecs"
)

// Service is a service's record, by cluster/name.
type Service struct {
	Name    string `json:"name"`
	Cluster string `json:"cluster"` // name
	// Status is ACTIVE, DRAINING or INACTIVE.
	Status    string    `json:"status"`
	CreatedAt time.Time `json:"createdAt"`
	CreatedBy string    `json:"createdBy,omitzero"` // ARN of the principal
	// DeletedAt is when DeleteService was called.
	DeletedAt time.Time `json:"deletedAt,omitzero"`

	Scheduling api.SchedulingStrategy       `json:"scheduling"` // REPLICA, DAEMON
	Controller api.DeploymentControllerType `json:"controller"` // ECS, EXTERNAL
	Role       string                       `json:"role,omitzero"`

	// Settings are what UpdateService changes without a deployment.
	Settings Settings  `json:"settings"`
	Tags     []api.Tag `json:"tags,omitzero"`

	// Rollouts are what the API calls deployments of a service: the newest, PRIMARY, first, and those that still have tasks.
	// There are none under controller EXTERNAL; see TaskSet.
	Rollouts []Rollout `json:"rollouts,omitzero"`
	// Deployment is the id of the service deployment that is under way; empty: none is.
	Deployment string `json:"deployment,omitzero"`
	// Completed is the id of the revision that was last deployed with success: what a rollback goes back to.
	Completed string `json:"completed,omitzero"`
	// Current is the id of the revision that a service without rollouts shows: that of its primary task set, or the last one.
	Current string `json:"current,omitzero"`
	// PrimaryTaskSet is the id of the primary task set under controller EXTERNAL.
	PrimaryTaskSet string `json:"primaryTaskSet,omitzero"`

	// SteadyAt is when it last told that it has reached a steady state; zero: it is not steady.
	SteadyAt time.Time `json:"steadyAt,omitzero"`
	// RegisteredAt is when the last of the targets was registered of which it told.
	RegisteredAt time.Time `json:"registeredAt,omitzero"`
	// Told are the events that are not to be repeated for a while, by what they are about.
	Told map[string]time.Time `json:"told,omitzero"`
	// Events counts its events: the newest has that number.
	Events int64 `json:"events,omitzero"`
	// Request is the hash of the request that made it, until it is changed: the same one again finds the service as it is.
	Request string `json:"request,omitzero"`
	// Version counts the changes of the record.
	Version int64 `json:"version"`
}

// Settings are what a service has beside its revision. What the request left out has its default.
type Settings struct {
	DesiredCount  int32                           `json:"desiredCount"`
	Configuration api.DeploymentConfiguration     `json:"configuration"`
	Constraints   []api.PlacementConstraint       `json:"constraints,omitzero"`
	Strategy      []api.PlacementStrategy         `json:"strategy,omitzero"`
	GraceSeconds  *int32                          `json:"graceSeconds,omitzero"` // healthCheckGracePeriodSeconds; nil: not set, which is 0
	Rebalancing   api.AvailabilityZoneRebalancing `json:"rebalancing"`
	Executable    bool                            `json:"executable,omitzero"`
	ManagedTags   bool                            `json:"managedTags,omitzero"`
	PropagateTags api.PropagateTags               `json:"propagateTags"`
}

// Grace is how long the health checks of a new task say nothing.
func (s *Settings) Grace() time.Duration {
	if s.GraceSeconds == nil {
		return 0
	}
	return time.Duration(*s.GraceSeconds) * time.Second
}

// Rollout is one revision's share of a service's tasks.
type Rollout struct {
	ID        string    `json:"id"`       // "ecs-svc/9223370605410261451": startedBy of its tasks
	Revision  string    `json:"revision"` // id
	Primary   bool      `json:"primary,omitzero"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
	// State is IN_PROGRESS, COMPLETED or FAILED.
	State       api.DeploymentRolloutState `json:"state"`
	StateReason string                     `json:"stateReason,omitzero"`
	// DesiredCount is how many tasks it is to have now.
	DesiredCount int32 `json:"desiredCount"`
	Failing
	// Ran says that one of its tasks has been RUNNING.
	Ran bool `json:"ran,omitzero"`
	// Alternate says that its tasks are registered with the alternate target groups. Share is its share of the production
	// traffic in tenths of a percent, and Test that it has the test traffic, where a deployment shifts them.
	Alternate bool  `json:"alternate,omitzero"`
	Share     int32 `json:"share,omitzero"`
	Test      bool  `json:"test,omitzero"`
}

// Failing is what is counted of the tasks that failed of a rollout, or of a task set.
type Failing struct {
	// Failures is how many of its tasks failed since it began, and Row how many did since the last that the circuit breaker
	// takes for a success; NoStartBefore is when the back-off of failed starts ends.
	Failures      int32     `json:"failures,omitzero"`
	Row           int32     `json:"row,omitzero"`
	NoStartBefore time.Time `json:"noStartBefore,omitzero"`
	// Healthy is how many of its tasks were healthy when one last failed, or fewer since; Waves is how often in a row tasks
	// failed that were started after the failure before, the last time at WaveAt.
	Healthy int32     `json:"healthy,omitzero"`
	Waves   int32     `json:"waves,omitzero"`
	WaveAt  time.Time `json:"waveAt,omitzero"`
}

// startAtOnce ends the back-off of starts that failed: something was changed, and the next failure begins it anew.
func (f *Failing) startAtOnce() { f.Waves, f.WaveAt, f.NoStartBefore = 0, time.Time{}, time.Time{} }

// Revision is what the tasks of a service are made of, by cluster/name/id. It never changes.
type Revision struct {
	ID             string                             `json:"id"` // 19 digits
	Service        string                             `json:"service"`
	Cluster        string                             `json:"cluster"`
	CreatedAt      time.Time                          `json:"createdAt"`
	TaskDefinition string                             `json:"taskDefinition"` // family:revision
	LaunchType     api.LaunchType                     `json:"launchType,omitzero"`
	Providers      []api.CapacityProviderStrategyItem `json:"providers,omitzero"`
	Platform       string                             `json:"platform,omitzero"`      // version: "1.4.0"
	PlatformAsked  string                             `json:"platformAsked,omitzero"` // "LATEST", or a version
	PlatformFamily string                             `json:"platformFamily,omitzero"`
	Network        *api.AwsVpcConfiguration           `json:"network,omitzero"`
	LoadBalancers  []api.LoadBalancer                 `json:"loadBalancers,omitzero"`
	// Images are what the definition's images stood for when the first of its tasks ran.
	Images []api.ContainerImage `json:"images,omitzero"`
}

// Deployment is a service deployment, by cluster/name/id: what takes a service from its revisions to another.
type Deployment struct {
	ID      string `json:"id"`
	Service string `json:"service"`
	Cluster string `json:"cluster"`
	// Rollout is the id of the target's.
	Rollout string `json:"rollout"`
	// From is the id of the rollout that the traffic is shifted from.
	From    string   `json:"from,omitzero"`
	Sources []Source `json:"sources,omitzero"`
	Target  Source   `json:"target"`
	// Configuration is the service's at the time.
	Configuration api.DeploymentConfiguration         `json:"configuration"`
	Status        api.ServiceDeploymentStatus         `json:"status"`
	StatusReason  string                              `json:"statusReason,omitzero"`
	Stage         api.ServiceDeploymentLifecycleStage `json:"stage,omitzero"`
	// StageAt is when the stage, or its last step, began, and Step counts the shifts of the production traffic.
	StageAt time.Time `json:"stageAt,omitzero"`
	Step    int       `json:"step,omitzero"`
	Hooks   []Hook    `json:"hooks,omitzero"`
	// Breaker is where the circuit breaker stands: its failures and threshold are in the API's answer.
	Breaker  *api.ServiceDeploymentCircuitBreaker `json:"breaker,omitzero"`
	Rollback *RolledBack                          `json:"rollback,omitzero"`

	CreatedAt  time.Time `json:"createdAt"`
	StartedAt  time.Time `json:"startedAt,omitzero"`
	UpdatedAt  time.Time `json:"updatedAt"`
	FinishedAt time.Time `json:"finishedAt,omitzero"`
	StoppedAt  time.Time `json:"stoppedAt,omitzero"`
}

// Source is a revision that takes part in a deployment, with the counts and weights that it was last seen with.
type Source struct {
	Revision         string   `json:"revision"` // id
	Requested        int32    `json:"requested"`
	Running          int32    `json:"running"`
	Pending          int32    `json:"pending"`
	TestWeight       *float64 `json:"testWeight,omitzero"`       // percent
	ProductionWeight *float64 `json:"productionWeight,omitzero"` // percent
}

// RolledBack says why, when and whereto a deployment was rolled back.
type RolledBack struct {
	Reason    string    `json:"reason"`
	StartedAt time.Time `json:"startedAt"`
	Revision  string    `json:"revision"` // id
}

// Hook is one call of a lifecycle hook of a deployment.
type Hook struct {
	ID        string                                `json:"id"`
	Index     int                                   `json:"index"` // in the configuration
	Stage     api.DeploymentLifecycleHookStage      `json:"stage"`
	Step      int                                   `json:"step,omitzero"`
	Kind      api.DeploymentLifecycleHookTargetType `json:"kind"`
	Target    string                                `json:"target,omitzero"` // ARN or URL
	Status    api.DeploymentLifecycleHookStatus     `json:"status"`
	StartedAt time.Time                             `json:"startedAt"`
	ExpiresAt time.Time                             `json:"expiresAt"`
	Action    api.DeploymentLifecycleHookAction     `json:"action"` // when it expires
	// AskAt is when a function that is IN_PROGRESS is to be asked (again), and Details what it gave itself for then.
	AskAt   time.Time      `json:"askAt,omitzero"`
	Details jsontext.Value `json:"details,omitzero"`
}

// TaskSet is a task set under controller EXTERNAL, by cluster/name/id.
type TaskSet struct {
	ID         string    `json:"id"` // "ecs-svc/9223370605410261451": startedBy of its tasks
	Service    string    `json:"service"`
	Cluster    string    `json:"cluster"`
	ExternalID string    `json:"externalId,omitzero"`
	Revision   string    `json:"revision"` // id: its definition, network and load balancers
	Scale      float64   `json:"scale"`    // percent of the service's desired count
	Status     string    `json:"status"`   // PRIMARY, ACTIVE, DRAINING
	Tags       []api.Tag `json:"tags,omitzero"`
	CreatedAt  time.Time `json:"createdAt"`
	UpdatedAt  time.Time `json:"updatedAt"`
	// Stability is STEADY_STATE or STABILIZING, since StableAt.
	Stability api.StabilityStatus `json:"stability"`
	StableAt  time.Time           `json:"stableAt"`
	Failing
}

// Event is a service event, by cluster/name/number, the newest with the highest.
type Event struct {
	ID        string    `json:"id"` // UUID
	Service   string    `json:"service"`
	Cluster   string    `json:"cluster"`
	CreatedAt time.Time `json:"createdAt"`
	Message   string    `json:"message"`
}
