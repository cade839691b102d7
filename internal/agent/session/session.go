// Package session is the agent's side of the agent protocol: it registers what the machine offers, keeps the two
// sockets to the control plane open, hands payloads to internal/agent/task and acknowledges what is on disk, and submits
// changes of state. internal/agent makes one Session for each identity of the machine.
package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/tcs"
	"github.com/berth-dev/berth/internal/agent/db"
	"github.com/berth-dev/berth/internal/agent/metadata"
	"github.com/berth-dev/berth/internal/agent/retry"
	"github.com/berth-dev/berth/internal/agent/task"
	"github.com/berth-dev/berth/internal/execstream"
	"github.com/berth-dev/berth/internal/wire/client"
)

// Config is what a Session is made of.
type Config struct {
	Identity string // the identity's name in the database
	Cluster  string // the cluster it registers in; empty: "default", made when there is none
	Client   *client.Client
	DB       Memory
	Keyring  *metadata.Keyring
	// Serve serves a session into a container over its stream, to its end. Nil: there are none.
	Serve func(ctx context.Context, m acs.BerthSessionMessage, stream execstream.Conn)
	// Silent leaves the telemetry out.
	Silent bool

	Attributes []ecs.Attribute
	Resources  []ecs.Resource
	// Health is that of the identity's tasks whose containers are checked. nil: there are none.
	Health func() []tcs.TaskHealth
	// Healthy says whether the engine works. nil: it does.
	Healthy func(ctx context.Context) error
	// Usage returns what the identity's tasks used since it was last asked; idle says that none runs. nil: idle.
	Usage func() (used []tcs.TaskMetric, idle bool)

	Version, Hash, Engine string // of the agent, of its source, and of what runs containers
	Log                   *slog.Logger
}

// Memory keeps what an identity is registered as: *db.DB.
type Memory interface {
	Identity(name string) (db.Identity, error)
	// PutIdentity returns once the identity is kept.
	PutIdentity(ctx context.Context, i db.Identity) error
}

// Tasks is what runs tasks: *task.Runner.
type Tasks interface {
	Apply(ctx context.Context, identity db.Identity, assigned []task.Assignment) error
	Stop(ctx context.Context, arns []string) error
	Live(identity string) []string
	Attachments(identity string) []task.Attachment
	Has(arn string) bool
	Hurry()
}

// Session is one identity's life with the control plane.
type Session struct {
	Config
	dial dial

	mu       sync.Mutex
	identity db.Identity
	acs      *link // the open ACS socket, nil while there is none

	discovery discovery
	news      *healthNews

	streams         streams
	credentialsSent atomic.Bool // a connection of this process has had the credentials of what runs
	ignored         atomic.Int64
}

// New returns a session that is not connected. The database is read, nothing is sent.
func New(cfg Config) (*Session, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	cfg.Log = cfg.Log.With("identity", cfg.Identity)
	s := &Session{Config: cfg, news: newHealthNews()}
	s.dial = s.connect
	var err error
	if s.identity, err = cfg.DB.Identity(cfg.Identity); err != nil {
		return nil, err
	}
	if old := s.identity.Cluster; old != "" && old != s.cluster() {
		return nil, fmt.Errorf("this agent is registered in cluster %s; to move it to %s, begin with a new data directory", old, s.cluster())
	}
	s.identity.Cluster = s.cluster()
	return s, nil
}

func (s *Session) cluster() string { return cmp.Or(s.Cluster, "default") }

// Run keeps the identity registered and connected until ctx ends, however often that takes. It returns ctx's error, or
// why the control plane will never have it.
func (s *Session) Run(ctx context.Context, tasks Tasks) error {
	if err := s.register(ctx); err != nil {
		return err
	}
	s.streams.life = ctx
	defer s.streams.serving.Wait()
	var wg sync.WaitGroup
	wg.Go(func() { s.keep(ctx, "acs", func(ctx context.Context) (bool, error) { return s.obey(ctx, tasks) }) })
	if !s.Silent {
		wg.Go(func() { s.keep(ctx, "tcs", s.serveTCS) })
	}
	wg.Wait()
	return context.Cause(ctx)
}

// keep serves one connection after the other. serve says whether its connection had worked, and why it ended.
func (s *Session) keep(ctx context.Context, which string, serve func(context.Context) (bool, error)) {
	for p := (pacing{}); ; {
		worked, err := serve(ctx)
		if ctx.Err() != nil {
			return
		}
		wait := p.wait(worked, err)
		s.Log.Info("session ended; connecting again", "socket", which, "wait", wait, "error", err)
		if !retry.Pause(ctx, wait) {
			return
		}
	}
}

// obey serves one connection by which desired state comes down, and acts on its refusal.
func (s *Session) obey(ctx context.Context, tasks Tasks) (worked bool, err error) {
	worked, err = s.serveACS(ctx, tasks)
	var r *refused
	if !errors.As(err, &r) || ctx.Err() != nil {
		return worked, err
	}
	switch r.code {
	case "InvalidInstanceException": // the control plane has forgotten us
		if err := s.register(ctx); err != nil {
			s.Log.Error("cannot register again", "error", err)
		}
	case "InactiveInstanceException":
		// To the control plane the tasks of a deregistered instance have ended, and what they held is free for others.
		if err := tasks.Stop(ctx, tasks.Live(s.Identity)); err != nil {
			s.Log.Error("the tasks of the deregistered instance go on: they cannot be stopped", "error", err)
		}
	}
	return worked, err
}

// Tags returns the tags of a resource, which the control plane is asked for.
func (s *Session) Tags(ctx context.Context, arn string) (map[string]string, error) {
	out, err := client.Call(ctx, s.Client, ecs.ListTagsForResource, &ecs.ListTagsForResourceRequest{ResourceArn: arn})
	if err != nil {
		return nil, err
	}
	tags := make(map[string]string, len(out.Tags))
	for _, t := range out.Tags {
		tags[t.Key] = t.Value
	}
	return tags, nil
}

// Instance is the ARN of the container instance that the identity is registered as; empty before it is.
func (s *Session) Instance() string { return s.instance() }

func (s *Session) instance() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.identity.ContainerInstance
}

// common are the query parameters of both sockets.
func (s *Session) common() url.Values {
	return url.Values{"agentHash": {s.Hash}, "agentVersion": {s.Version}}
}

func (s *Session) userAgent() string { return "Berth Agent - v" + s.Version + " (" + s.Hash + ")" }

// Ignored is how many frames this session did not understand.
func (s *Session) Ignored() int64 { return s.ignored.Load() }

// Attached tells the control plane by which address the host reaches a task. While there is no connection nothing is
// lost: each connection begins with all of them.
func (s *Session) Attached(a task.Attachment) {
	s.mu.Lock()
	open := s.acs
	s.mu.Unlock()
	if open != nil {
		open.send(attachedMessage(a))
	}
}

func attachedMessage(a task.Attachment) *acs.BerthAttachedMessage {
	return &acs.BerthAttachedMessage{TaskArn: a.TaskARN, AttachmentArn: a.ARN, HostAddress: a.HostAddress}
}
