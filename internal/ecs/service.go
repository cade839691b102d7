package ecs

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/berth-dev/berth/internal/ecs/history"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// Config sets the service up. The zero value is that of `berth dev`.
type Config struct {
	// StrictCapacity reserves the CPU of Fargate tasks. Without it their cpu is a weight and a cap, so that a stack of
	// ordinary size fits a laptop.
	StrictCapacity bool
	// LostAfter is how long a Fargate machine may be silent before its tasks are given up; 0 means 5 minutes.
	LostAfter time.Duration
	// Settle is how long after the start a placement waits for agents that have not connected again; 0: not at all.
	Settle time.Duration
	// Expected is how many identities of machines will connect: once they have, no placement waits. 0: nobody knows.
	Expected int
	// History is where stopped tasks and state changes are kept. Nil: tasks stay in the state for as long as AWS promises, and no
	// change is recorded.
	History history.History
	// Sessions opens sessions into containers. Nil: commands can't be executed.
	Sessions Sessions
	// Balancing registers tasks with target groups. Nil: there are none, and what has targets stays ACTIVATING.
	Balancing Balancing
	// Services are asked about services. Nil: there are none.
	Services Services
	// Logger may be nil.
	Logger *slog.Logger
}

// Service is the ECS service of one server.
type Service struct {
	Tables

	db       *store.DB
	network  Network
	config   Config
	log      *slog.Logger
	placer   *placer
	lead     atomic.Pointer[store.Leader]
	tokens   turns[scopedToken] // of RunTask, one request with each at a time
	moving   sync.Mutex         // held while tasks are on their way into the history
	unplaced unplaceable
	changes  bell // rings when state changes were recorded
	// server names this run of this server in the sessions that it holds.
	server string
}

// New makes the service and declares its tables. Call it before the store is started, and [Service.Run] after.
func New(db *store.DB, network Network, config Config) *Service {
	if config.LostAfter == 0 {
		config.LostAfter = 5 * time.Minute
	}
	if config.Balancing == nil {
		config.Balancing = noBalancing{}
	}
	if config.Services == nil {
		config.Services = noServices{}
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Service{Tables: newTables(db), db: db, network: network, config: config, log: config.Logger, server: uuid.NewString()}
	s.placer = newPlacer(s)
	return s
}

// scopeOf is the account and region that a request is about.
func scopeOf(ctx context.Context) store.Scope {
	c := wire.CallerOf(ctx)
	return store.Scope{Account: c.Account, Region: c.Region}
}
