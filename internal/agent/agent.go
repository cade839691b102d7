// Package agent is the container agent: what runs on a machine, joins it to a control plane over the agent protocol,
// and runs the tasks that it is given. cmd/berth assembles it; `berth dev` runs it in its own process, over real sockets
// all the same.
//
// Its rooms: session speaks the protocol, task runs tasks on an engine and a network, metadata answers containers,
// logship ships what they print, db remembers.
package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/tcs"
	"github.com/berth-dev/berth/internal/agent/db"
	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/exec"
	"github.com/berth-dev/berth/internal/agent/logship"
	"github.com/berth-dev/berth/internal/agent/metadata"
	"github.com/berth-dev/berth/internal/agent/secret"
	"github.com/berth-dev/berth/internal/agent/session"
	"github.com/berth-dev/berth/internal/agent/stats"
	"github.com/berth-dev/berth/internal/agent/task"
	"github.com/berth-dev/berth/internal/wire/client"
)

// Config is what an Agent is made of.
type Config struct {
	Dir string // the agent's own directory, <data>/agent
	// Machine names the machine in its identities' attributes: the control plane keeps one ledger for all of them.
	Machine string

	Endpoint    string // of the control plane: "http://127.0.0.1:4566"
	Region      string
	Credentials aws.CredentialsProvider // the agent's own

	Engine     engine.Engine
	Network    task.Network
	Identities []Identity

	// CPU and Memory are what the machine offers, in CPU units and bytes; 0: what the engine finds.
	CPU, Memory int64
	// ReservedPorts are TCP ports of the host that no container can have, beside 22 and those of Docker and the ECS agent.
	ReservedPorts []int
	Pull          engine.PullPolicy
	EFS           map[string]task.FileSystem // what stands for file systems of EFS, by id
	StopTimeout   time.Duration              // default 30 s

	Version, Hash string // of Berth
	Log           *slog.Logger
}

// Identity is one thing that the machine offers, with a session of its own.
type Identity struct {
	Name    string // in the agent's database: it stays
	Cluster string // empty: "default", made when there is none
	// Fargate puts the machine into the pool for the FARGATE launch type, where the API doesn't show it.
	Fargate bool
	// External makes it a machine from outside, as ECS Anywhere's are: for the EXTERNAL launch type, without network interfaces.
	External   bool
	Attributes []ecs.Attribute // beside those that every agent has
}

// Agent is one life of the agent.
type Agent struct {
	Config
	runner atomic.Pointer[task.Runner] // nil before it runs
}

// New returns an agent that does not run yet.
func New(cfg Config) *Agent {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Agent{Config: cfg}
}

// Run adopts what an earlier agent left, joins the control plane and runs tasks until ctx ends. Tasks go on without it.
// An error other than ctx's says why it cannot run: the database, the engine, or a control plane that will not have it.
func (a *Agent) Run(ctx context.Context) error {
	if err := os.MkdirAll(a.Dir, 0o700); err != nil {
		return fmt.Errorf("make the agent's directory: %w", err)
	}
	d, err := db.Open(a.database())
	if err != nil {
		return err
	}
	err = a.run(ctx, d)
	return errors.Join(err, d.Close())
}

func (a *Agent) run(ctx context.Context, d *db.DB) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	endpoint, err := url.Parse(a.Endpoint)
	if err != nil {
		return fmt.Errorf("endpoint %q: %w", a.Endpoint, err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	defer transport.CloseIdleConnections()

	keyring := metadata.NewKeyring()
	sampler := stats.New(stats.Config{Engine: a.Engine, Log: a.Log})
	sessions, err := a.sessions(ctx, d, keyring, sampler, &http.Client{Transport: transport})
	if err != nil {
		return err
	}
	secrets := secret.New(secret.Config{Endpoint: a.Endpoint, HTTP: &http.Client{Transport: transport}})
	files := Files(a.Dir)
	logs := logship.New(logship.Config{Offsets: d, Drivers: a.logDrivers(files, transport), Ended: files.Ended, Logger: a.Log})
	defer logs.Close()
	endpoints := metadata.New(metadata.Config{Endpoint: endpoint, Transport: transport, Region: a.Region, Keyring: keyring, Log: a.Log,
		Stats: sampler, Instance: func(identity string) string { return a.instance(sessions, identity) }, Tags: sessions.tags})
	defer endpoints.Close()
	runner, err := task.Start(ctx, task.Config{
		DB: d, Engine: a.Engine, Network: a.Network, Logs: logs, Secrets: secrets, Metadata: endpoints, Keyring: keyring,
		Submit: func(ctx context.Context, identity string, change *ecs.SubmitTaskStateChangeRequest) error {
			return sessions.of(identity, func(s *session.Session) error { return s.Submit(ctx, change) })
		},
		Attached: func(at task.Attachment) {
			_ = sessions.of(at.Identity, func(s *session.Session) error { s.Attached(at); return nil })
		},
		HealthChanged: func(identity string, h tcs.TaskHealth) {
			_ = sessions.of(identity, func(s *session.Session) error { s.HealthChanged(h); return nil })
		},
		Dir: a.tasks(), Region: a.Region, Pull: a.Pull, EFS: a.EFS, StopTimeout: a.StopTimeout, Log: a.Log,
	})
	if err != nil {
		return err
	}
	a.runner.Store(runner)
	defer runner.Wait()
	var wg sync.WaitGroup
	wg.Go(func() { sampler.Run(ctx, func() []stats.Task { return runner.Measured("") }) })
	wg.Go(func() { a.sweep(ctx, files, runner.HasID) })
	for _, s := range sessions {
		wg.Go(func() {
			if err := s.Run(ctx, runner); ctx.Err() == nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	cancel(nil)
	return context.Cause(ctx)
}

// health is that of an identity's tasks; there are none before the agent runs.
func (a *Agent) health(identity string) []tcs.TaskHealth {
	if r := a.runner.Load(); r != nil {
		return r.Health(identity)
	}
	return nil
}

// Left is how many tasks something is left of on the machine: also of those that have stopped, until their output is shipped.
func (a *Agent) Left() int {
	if r := a.runner.Load(); r != nil {
		return r.Left()
	}
	return 0
}

// sessions are the identities' sessions, by name.
type sessions map[string]*session.Session

func (s sessions) of(identity string, do func(*session.Session) error) error {
	if found := s[identity]; found != nil {
		return do(found)
	}
	return fmt.Errorf("%w: this agent no longer has the identity %q", task.ErrRejected, identity)
}

func (s sessions) tags(ctx context.Context, identity, arn string) (tags map[string]string, err error) {
	err = s.of(identity, func(s *session.Session) error { tags, err = s.Tags(ctx, arn); return err })
	return tags, err
}

// instance is the container instance that the API shows for an identity: none for the FARGATE launch type.
func (a *Agent) instance(s sessions, identity string) (arn string) {
	for _, i := range a.Identities {
		if i.Name == identity && i.Fargate {
			return ""
		}
	}
	_ = s.of(identity, func(s *session.Session) error { arn = s.Instance(); return nil })
	return arn
}

// usage is what the tasks of an identity used since it was last asked.
func (a *Agent) usage(sampler *stats.Sampler, identity string) (used []tcs.TaskMetric, idle bool) {
	runner := a.runner.Load()
	if runner == nil {
		return nil, true
	}
	tasks := runner.Measured(identity)
	return sampler.Collect(tasks), len(tasks) == 0
}

func (a *Agent) sessions(ctx context.Context, d *db.DB, keyring *metadata.Keyring, sampler *stats.Sampler, http *http.Client) (sessions, error) {
	info, err := a.Engine.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask the engine what it can do: %w", err)
	}
	all := sessions{}
	for _, identity := range a.Identities {
		c := client.New(a.Endpoint, a.Credentials, a.Region)
		c.HTTP, c.UserAgent = http, "Berth Agent - v"+a.Version
		s, err := session.New(session.Config{
			Identity: identity.Name, Cluster: identity.Cluster, Client: c, DB: d, Keyring: keyring,
			Attributes: Attributes(a.Machine, identity, info), Resources: a.resources(info),
			Serve:   (&exec.Server{Engine: a.Engine, Log: a.Log}).Serve,
			Health:  func() []tcs.TaskHealth { return a.health(identity.Name) },
			Healthy: func(ctx context.Context) error { _, err := a.Engine.Info(ctx); return err },
			Usage:   func() ([]tcs.TaskMetric, bool) { return a.usage(sampler, identity.Name) },
			Version: a.Version, Hash: a.Hash, Engine: info.Name + "-" + cmp.Or(info.Version, "0"), Log: a.Log,
		})
		if err != nil {
			return nil, err
		}
		all[identity.Name] = s
	}
	return all, nil
}

func (a *Agent) database() string { return filepath.Join(a.Dir, "agent.db") }

func (a *Agent) tasks() string { return filepath.Join(a.Dir, "tasks") }

// Forget stops and removes every task of the machine at once, without telling anybody, and all that the agent
// remembers: for a control plane that has forgotten too. The agent does not run meanwhile.
func (a *Agent) Forget(ctx context.Context) error {
	ids, err := a.Engine.Tasks(ctx)
	if err != nil {
		return err
	}
	errs := make(chan error, len(ids))
	var wg sync.WaitGroup
	for _, id := range ids {
		wg.Go(func() { errs <- a.Engine.RemoveTask(ctx, id) })
	}
	wg.Wait()
	close(errs)
	for e := range errs {
		err = errors.Join(err, e)
	}
	for _, n := range a.Network.List() {
		err = errors.Join(err, a.Network.Detach(ctx, n.Task))
	}
	for _, id := range a.Network.BridgedTasks() {
		err = errors.Join(err, a.Network.Unbridge(ctx, id))
	}
	if err != nil {
		return fmt.Errorf("remove the tasks of this machine: %w", err)
	}
	if err := os.Remove(a.database()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return errors.Join(os.RemoveAll(a.tasks()), os.RemoveAll(Files(a.Dir).Dir))
}
