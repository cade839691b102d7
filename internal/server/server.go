// Package server assembles the control plane: every service on one wire.Server over one store. `berth dev` runs it beside
// an agent; the tests that need all of it, without a machine, take it from here too.
package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	acmapi "github.com/berth-dev/berth/api/acm"
	ecsapi "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/secretsmanager"
	ssmapi "github.com/berth-dev/berth/api/ssm"
	"github.com/berth-dev/berth/internal/acm"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/ecs/dispatch"
	"github.com/berth-dev/berth/internal/ecs/history"
	"github.com/berth-dev/berth/internal/ecs/service"
	"github.com/berth-dev/berth/internal/ecs/service/hook"
	"github.com/berth-dev/berth/internal/ecs/usage"
	"github.com/berth-dev/berth/internal/elb"
	"github.com/berth-dev/berth/internal/iam"
	"github.com/berth-dev/berth/internal/logs"
	"github.com/berth-dev/berth/internal/logs/journal"
	"github.com/berth-dev/berth/internal/operator"
	"github.com/berth-dev/berth/internal/secrets"
	"github.com/berth-dev/berth/internal/secrets/seal"
	"github.com/berth-dev/berth/internal/ssm"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/unsupported"
	"github.com/berth-dev/berth/internal/vpc"
	"github.com/berth-dev/berth/internal/wire"
)

// Config is what a control plane is made of.
type Config struct {
	DB      *store.DB // not started: the services declare their tables first
	Journal journal.Journal
	// History is where stopped tasks and state changes are kept. Nil: stopped tasks stay in the state, for an hour.
	History history.History
	Keys    iam.Keys
	// SecretsKey encrypts the values of secrets. Nil: one that is gone with the process, for states that are too.
	SecretsKey *seal.Key
	// GiveUpSecrets starts although values were encrypted with a key that is lost.
	GiveUpSecrets bool
	Account       string // 12 digits
	Region        string
	// TestUsers may use the well-known key test/test; nobody when empty.
	TestUsers []uint32
	// Lambda is the endpoint at which functions are invoked that are lifecycle hooks of deployments. Empty: there is none.
	Lambda string
	// StrictCapacity reserves the CPU of Fargate tasks.
	StrictCapacity bool
	// Settle is how long after the start a placement waits for agents that have not connected again.
	Settle time.Duration
	// Expected is how many identities of machines will connect: once they have, no placement waits. 0: nobody knows.
	Expected int
	// Endpoint is where agents reach this server: "http://127.0.0.1:4566".
	Endpoint func() string
	// Room returns an error, which is told, while nothing may be taken on that needs room on the disk. Nil: there is always room.
	Room func() error
	// Unsupported keeps what is asked for and not done. Nil: it is kept until the server is gone.
	Unsupported *unsupported.Register
	// Balancing is the data path of load balancers. Nil: they are never more than about to be there.
	Balancing elb.Plane
	// HealthyAfter is how long a task of a service runs until it counts as healthy when nothing checks it; 0: 40 seconds.
	HealthyAfter time.Duration
	// AccessLogs says that the data path keeps access logs.
	AccessLogs bool
	// DrainIdle ends the draining of a target once it has no connection, rather than after the deregistration delay.
	DrainIdle bool
	// Operator answers the paths of the operator's API. Nil: they are not there.
	Operator operator.Backend
	Log      *slog.Logger
}

// Server is the control plane.
type Server struct {
	Wire     *wire.Server
	IAM      *iam.Service
	VPC      *vpc.Service
	Logs     *logs.Service
	Secrets  *secrets.Service
	ACM      *acm.Service
	ECS      *ecs.Service
	Services *service.Scheduler
	ELB      *elb.Service
	Dispatch *dispatch.Dispatcher
	SSM      *ssm.Service

	config Config
	usage  *usage.Book
	stop   context.CancelFunc
	done   sync.WaitGroup
}

// New makes the services and their routes. Nothing runs yet.
func New(config Config) *Server {
	s := &Server{config: config, usage: usage.NewBook()}
	s.VPC = vpc.New(config.DB, vpc.Config{})
	s.ELB = elb.New(config.DB, elb.Config{Network: subnets{s.VPC}, Certificates: certificates{s}, Instances: machines{s}, Plane: config.Balancing, AccessLogs: config.AccessLogs, DrainIdle: config.DrainIdle, Log: config.Log})
	s.ECS = ecs.New(config.DB, network{s.VPC}, ecs.Config{StrictCapacity: config.StrictCapacity, Settle: config.Settle, Expected: config.Expected,
		History: config.History, Sessions: executions{s}, Balancing: registrar{s.ELB}, Services: services{s}, Logger: config.Log})
	s.Services = service.New(config.DB, s.ECS, balancers{s.ELB}, service.Config{HealthyAfter: config.HealthyAfter, Hooks: &hook.Caller{Lambda: config.Lambda}, Logger: config.Log})
	s.IAM = iam.New(config.DB, iam.Config{
		Account: config.Account, Keys: config.Keys, TestUsers: config.TestUsers, TaskActive: s.taskActive,
	})
	s.Logs = logs.New(config.DB, logs.Config{Journal: config.Journal, Logger: config.Log})
	key := config.SecretsKey
	if key == nil {
		key = seal.Draw()
	}
	s.ACM = acm.New(config.DB, acm.Config{Key: key, Users: certificates{s}, Log: config.Log})
	s.Secrets = secrets.New(config.DB, secrets.Config{Key: key, Others: s.ACM.Sealed, GiveUp: config.GiveUpSecrets, Log: config.Log})
	s.Dispatch = dispatch.New(dispatch.Config{
		DB: config.DB, Tables: s.ECS.Tables, Observer: observer{s.ECS, config.DB, s.VPC}, Issuer: issuer{s.IAM}, Usage: s.usage,
		Endpoint: config.Endpoint, Log: config.Log,
	})

	s.SSM = ssm.New(ssm.Config{Agents: agents{s.Dispatch}, Containers: containers{s.ECS}, Recorder: transcripts{s.Logs}, Endpoint: config.Endpoint, Log: config.Log})

	s.Wire = wire.New(wire.Config{Credentials: s.IAM, Admit: s.admit, Log: config.Log, Unsupported: config.Unsupported})
	s.IAM.Register(s.Wire)
	s.VPC.Register(s.Wire)
	s.ELB.Register(s.Wire)
	s.Logs.Register(s.Wire)
	s.Secrets.Manager.Register(s.Wire.Service(&secretsmanager.API))
	s.ACM.Register(s.Wire.Service(&acmapi.API))
	api := s.Wire.Service(&ecsapi.API)
	s.ECS.Register(api)
	s.Services.Register(api)
	wire.Handle(api, ecsapi.DiscoverPollEndpoint, s.Dispatch.DiscoverPollEndpoint,
		wire.Note("", "every agent is told the same endpoints"))
	s.Dispatch.Routes(s.Wire.Handle)
	systems := s.Wire.Service(&ssmapi.API)
	s.SSM.Register(systems)
	s.Secrets.Parameters.Register(systems)
	s.SSM.Routes(s.Wire.Open, s.Wire.Handle)
	s.Wire.Handle(operator.PathEvents, ownersOnly(operator.EventsHandler(s)))
	s.Wire.Handle(operator.PathWhy, ownersOnly(operator.WhyHandler(s)))
	s.Wire.Handle(operator.PathAuthority, ownersOnly(operator.AuthorityHandler(s.authority)))
	s.Wire.Handle(operator.PathUsage, ownersOnly(operator.UsageHandler(s)))
	s.Wire.Handle(operator.PathInterrupt, ownersOnly(operator.InterruptHandler(s)))
	if config.Operator != nil {
		s.Wire.Open(operator.PathHealth, operator.HealthHandler(config.Operator))
		handler := ownersOnly(operator.Handler(config.Operator))
		s.Wire.Stream("POST "+operator.PathImages, handler)
		s.Wire.Handle("/_berth/", handler)
	}
	return s
}

// Start loads the state and runs the reconcilers until Stop.
func (s *Server) Start(ctx context.Context) error {
	if err := s.config.DB.Start(ctx); err != nil {
		return fmt.Errorf("load the state: %w", err)
	}
	if err := s.Secrets.Start(ctx); err != nil {
		return err
	}
	if err := s.ACM.Start(ctx); err != nil {
		return err
	}
	if err := s.VPC.EnsureDefault(ctx, s.scope()); err != nil {
		return fmt.Errorf("make the default VPC: %w", err)
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.done.Go(func() { s.Logs.Run(running) })
	s.done.Go(func() { s.Secrets.Run(running) })
	s.done.Go(func() { s.ACM.Run(running) })
	s.done.Go(func() {
		s.Wire.Unsupported.Run(running, func(err error) { s.config.Log.Warn("the record of what is not done", "error", err) })
	})
	s.done.Go(func() { s.ELB.Run(running) })
	s.done.Go(func() { s.Dispatch.Run(running) })
	s.done.Go(func() {
		if err := s.ECS.Run(running, s.Services.Run); err != nil && running.Err() == nil {
			s.config.Log.Error("the ECS service ended", "error", err)
		}
	})
	return nil
}

// scope is where Berth itself makes things.
func (s *Server) scope() store.Scope {
	return store.Scope{Account: s.config.Account, Region: s.config.Region}
}

// Joined tells whether a machine's agent has sessions for that many identities.
func (s *Server) Joined(machine string, identities int) bool {
	for row := range s.ECS.Instances.All() {
		if row.Value.Machine == machine && s.Dispatch.Connected(row.Scope, row.ID) {
			identities--
		}
	}
	return identities <= 0
}

// Reset forgets all state and makes anew what is there at every start. No agent is connected meanwhile. The numbers of what
// agents were sent are kept: an agent that knows nothing of the reset drops what is not above all that it has seen; and so is the certificate authority.
func (s *Server) Reset(ctx context.Context) error {
	if err := s.config.DB.Clear(ctx, dispatch.SequenceTable, acm.AuthorityTable); err != nil {
		return fmt.Errorf("forget the state: %w", err)
	}
	if err := s.ECS.ForgetPast(ctx); err != nil {
		return fmt.Errorf("forget the history: %w", err)
	}
	if err := s.Logs.Sweep(ctx); err != nil {
		return fmt.Errorf("forget the logs: %w", err)
	}
	s.Wire.Unsupported.Forget(time.Now())
	return s.VPC.EnsureDefault(ctx, s.scope())
}

// Stop ends what Start began, sessions with agents included, and waits for it. The store stays the caller's to close.
func (s *Server) Stop() {
	if s.stop == nil {
		return
	}
	s.SSM.Close()
	s.Dispatch.Close()
	s.stop()
	s.done.Wait()
}

// taskActive says whether a task may still use its credentials.
func (s *Server) taskActive(arn string) bool {
	// arn:aws:ecs:REGION:ACCOUNT:task/CLUSTER/ID
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 {
		return false
	}
	id := parts[5][strings.LastIndexByte(parts[5], '/')+1:]
	task, ok := s.ECS.Tasks.Get(store.Scope{Account: parts[4], Region: parts[3]}, id)
	return ok && task.Value.Status.Live()
}

// ownersOnly lets the owner of this Berth through: neither tasks nor agents operate it.
func ownersOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wire.CallerOf(r.Context()).Kind != wire.Root {
			http.Error(w, `{"message":"only the owner of this Berth may ask for this"}`, http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}
