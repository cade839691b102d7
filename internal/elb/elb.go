// Package elb is Elastic Load Balancing, version 2: its API and its records. Load balancers stand in the subnets of a VPC;
// their listeners take connections and by their rules forward them to target groups.
//
// It moves no traffic. Run makes of the records what load balancers and target groups are to be, as plain data (package
// balancer), and hands what has changed to a Plane, which is package node; the Plane says how the targets are.
//
// `berth dev` and `berth server` register its operations with the wire server. The ECS service registers and deregisters
// tasks inside its own transactions (RegisterTarget, DeregisterTarget, Drained); the service scheduler asks for health and
// shifts traffic (Group, Health, Watch, RuleGroups, SetWeights).
package elb

import (
	"log/slog"
	"time"

	"github.com/berth-dev/berth/internal/store"
)

// Service answers the API of Elastic Load Balancing.
type Service struct {
	db     *store.DB
	tables tables
	config Config
	now    func() time.Time
	log    *slog.Logger

	drained bell
	changed watchers[groupKey]
}

// Config sets up a Service.
type Config struct {
	Network      Network
	Certificates Certificates
	Instances    Instances
	// Plane is the data path. Nil: there is none, and no load balancer is more than about to be there.
	Plane Plane
	// DrainIdle ends the draining of a target once it has no connection. AWS waits for the whole deregistration delay.
	DrainIdle bool
	// AccessLogs says that the data path keeps access logs.
	AccessLogs bool
	Now        func() time.Time // nil: time.Now
	Log        *slog.Logger     // nil: none
}

// New makes the service and declares its tables: it comes before the DB starts.
func New(db *store.DB, config Config) *Service {
	s := &Service{db: db, tables: newTables(db), config: config, now: config.Now, log: config.Log}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s
}
