package plan

import (
	"time"

	api "github.com/berth-dev/berth/api/ecs"
)

// Plan is what is to be done now.
type Plan struct {
	// Service is its record from now on.
	Service Service
	// Inactive says that a deleted service has no task left.
	Inactive bool
	Stop     []Stop
	Start    []Start
	// Counted are the tasks whose end is in the record now.
	Counted []string
	Events  []string
	// Weights are what listener rules are to forward by.
	Weights []Weights
	// Wake is when time alone makes something due; zero: never. Again says that there is more to do than one plan holds.
	Wake  time.Time
	Again bool
}

// Stop is an order to stop a task.
type Stop struct {
	Task    string
	Code    api.TaskStopCode
	Reason  string
	Running bool // it was RUNNING, and Drains: registered with target groups
	Drains  bool
	Moved   string // the zone that it leaves to balance the zones; empty: that isn't why
}

// Start asks for tasks of a rollout.
type Start struct {
	Rollout string
	Count   int
	// Providers are the parts of the capacity providers; none: by launch type.
	Providers []Part
	// Zones are how many tasks each zone has that they are to be balanced over, and Zone is the only one that will do.
	Zones map[string]int
	Zone  string
	// Instances are those that get one task each: a daemon's.
	Instances []string
}

// Part is how many tasks a capacity provider gets.
type Part struct {
	Provider string
	Count    int
}

// Weights are the shares of target groups in what a listener rule forwards.
type Weights struct {
	Rule   string
	Groups map[string]int
}

// The most that one plan starts and stops: each is a transaction.
const (
	MaxStarts = 50
	MaxStops  = 50
	maxCounts = 50
)
