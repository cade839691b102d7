package service

import (
	"context"
	"log/slog"
	"time"

	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/ecs/service/hook"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// Config sets the scheduler up. The zero value is that of AWS.
type Config struct {
	// HealthyAfter is how long a task without health checks runs until it counts as healthy; 0: 40 s.
	HealthyAfter time.Duration
	// Hooks calls the functions that are lifecycle hooks of deployments. Nil: webhooks alone can be called.
	Hooks *hook.Caller
	// Logger may be nil.
	Logger *slog.Logger
}

// Scheduler is what ECS calls the service scheduler, with the operations on what it schedules.
type Scheduler struct {
	Tables

	db        *store.DB
	ecs       *ecs.Service
	balancers Balancers
	config    Config
	log       *slog.Logger
	wall      func() time.Time // the clock of the records, which may jump
}

// New makes the scheduler over the tasks of an ECS service, and declares its tables. balancers may be nil: then services have
// no load balancers. Call it before the store is started.
func New(db *store.DB, tasks *ecs.Service, balancers Balancers, config Config) *Scheduler {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Hooks == nil {
		config.Hooks = &hook.Caller{}
	}
	return &Scheduler{Tables: newTables(db), db: db, ecs: tasks, balancers: balancers, config: config, log: config.Logger, wall: time.Now}
}

// scopeOf is the account and region that a request is about.
func scopeOf(ctx context.Context) store.Scope {
	c := wire.CallerOf(ctx)
	return store.Scope{Account: c.Account, Region: c.Region}
}
