// Package docker is the engine that runs containers on a Docker daemon, through Docker's own API: on a laptop, where the
// daemon sits in a virtual machine, and on hosts that have one already. internal/agent/task uses it as engine.Engine and,
// for tasks in awsvpc mode, as its Network.
//
// A task is a pause container, which keeps the namespaces that the task's containers share, and its containers, which join
// them. In network mode bridge each container has a pause container of its own. All of them carry labels, by which they are
// found again; what Docker has no place for (how often a container was started, where its log goes) is in a directory of
// the agent. A pause container also carries what the agent has to do inside the namespace (package carrier), so that
// nothing depends on the daemon's addresses or files being within reach.
//
// The daemon may be slow, restarted or gone for a while: what it does not answer is unknown (engine.ErrUnavailable), and what
// happened meanwhile is read once it is back.
package docker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// Config of an engine.
type Config struct {
	// Instance is the data directory's id, 8 hexadecimal digits: everything in Docker carries it.
	Instance string
	// Dir is the agent's directory for what Docker does not keep.
	Dir string
	// Client speaks to the daemon. The engine closes it.
	Client *client.Client
	// Pause returns the berth-pause program for the daemon's architecture, as Go names it.
	Pause func(architecture string) ([]byte, error)
	// Hello returns the program of the built-in image. Nil: there is none.
	Hello func() ([]byte, error)
	// Login returns the login for a registry; ok is false where there is none. Nil: there are none.
	Login func(ctx context.Context, registry string) (login Login, ok bool, err error)
	// ShortNames says why a reference that names no registry is not pulled. Nil: Docker's reading of it holds.
	ShortNames func(reference string) error
	// ResolvConf names the resolvers that answer for the VPC's. Default /etc/resolv.conf.
	ResolvConf string
	// Log gets what no caller is told. Default: slog.Default.
	Log *slog.Logger
}

// Login is a registry login. It is never logged.
type Login struct {
	Username, Password string
	IdentityToken      string // takes the place of both
}

// Engine is an engine.Engine.
type Engine struct {
	config Config
	api    *client.Client
	info   system.Info
	cgroup *groups // nil where tasks' limits can't be set on what is above their containers
	pause  pauseImage
	guide  *guide
	hello  struct {
		mu   sync.Mutex
		done bool // the image is of this build of berth
	}

	life  context.Context // ends with Close
	end   context.CancelFunc
	going sync.WaitGroup

	mu    sync.Mutex // guards what follows
	tasks map[string]*task
	nets  map[string]*vpc
	// footings are where load balancers stand, by VPC.
	footings map[string]*footing
	pulls    map[string]*pull
	holds    map[string][]string // task -> images that its pulls made present
}

var _ engine.Engine = (*Engine)(nil)

// startTime bounds how long a daemon may take to say what it is.
const startTime = 15 * time.Second

// New connects to the daemon and takes over what an earlier agent of the instance left there.
func New(ctx context.Context, config Config) (*Engine, error) {
	if config.Log == nil {
		config.Log = slog.Default()
	}
	if config.ResolvConf == "" {
		config.ResolvConf = "/etc/resolv.conf"
	}
	if err := os.MkdirAll(config.Dir, 0o700); err != nil {
		return nil, err
	}
	e := &Engine{config: config, api: config.Client, guide: newGuide(), tasks: map[string]*task{}, nets: map[string]*vpc{}, footings: map[string]*footing{}, pulls: map[string]*pull{},
		holds: map[string][]string{}}
	err := e.ask(ctx, startTime, "ask Docker what it is", func(ctx context.Context) error {
		answer, err := e.api.Info(ctx, client.InfoOptions{})
		e.info = answer.Info
		return err
	})
	if err != nil {
		return nil, err
	}
	if e.info.OSType != "linux" {
		return nil, fmt.Errorf("the Docker daemon here runs containers of %s; Berth's are Linux's", e.info.OSType)
	}
	e.cgroup = findGroups(config.Instance, e.info)
	e.life, e.end = context.WithCancel(context.WithoutCancel(ctx))
	if err := errors.Join(e.endFootings(ctx), e.adopt(ctx)); err != nil {
		e.Close()
		return nil, err
	}
	e.going.Go(e.follow)
	return e, nil
}

// Close lets go of the tasks; they go on.
func (e *Engine) Close() error {
	e.end()
	e.mu.Lock()
	tasks := make([]*task, 0, len(e.tasks))
	for _, t := range e.tasks {
		tasks = append(tasks, t)
	}
	e.mu.Unlock()
	for _, t := range tasks {
		t.letGo()
	}
	e.going.Wait()
	return e.api.Close()
}

// Info tells what the daemon's machine has.
func (e *Engine) Info(context.Context) (engine.Info, error) {
	info := engine.Info{Name: "docker", Version: e.info.ServerVersion, CPUs: e.info.NCPU, Memory: e.info.MemTotal, Bridges: true,
		Capabilities: []string{"com.amazonaws.ecs.capability.privileged-container"}}
	for v := oldestAPI; v <= newestAPI; v++ {
		info.Capabilities = append(info.Capabilities, fmt.Sprintf("com.amazonaws.ecs.capability.docker-remote-api.1.%d", v))
	}
	return info, nil
}

// The ECS agent tells the versions of Docker's API that task definitions may ask for; it stops at 1.44.
const (
	oldestAPI = 17
	newestAPI = 44
)

// Tasks lists all tasks that Docker or the agent's directory knows of, in order.
func (e *Engine) Tasks(ctx context.Context) ([]string, error) {
	found, err := e.list(ctx, "")
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, c := range found {
		ids = append(ids, c.Labels[labelTask])
	}
	entries, err := os.ReadDir(e.config.Dir)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if idPattern.MatchString(entry.Name()) {
			ids = append(ids, entry.Name())
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// adopt takes over each task that is there.
func (e *Engine) adopt(ctx context.Context) error {
	ids, err := e.Tasks(ctx)
	if err != nil {
		return err
	}
	var errs []error
	var mu sync.Mutex
	var adopting sync.WaitGroup
	for _, id := range ids {
		t, err := e.recall(id)
		if err != nil {
			return err
		}
		if t == nil {
			continue // its creation got no further than a container: CreateTask begins again, RemoveTask removes it
		}
		adopting.Go(func() {
			err := t.refresh(ctx)
			if err == nil {
				err = t.endLeft(ctx)
			}
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	adopting.Wait()
	return errors.Join(errs...)
}

func (e *Engine) dir(task string) string { return filepath.Join(e.config.Dir, task) }

func (e *Engine) task(id string) *task { e.mu.Lock(); defer e.mu.Unlock(); return e.tasks[id] }

// known returns a task that CreateTask made.
func (e *Engine) known(id string) (*task, error) {
	if t := e.task(id); t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("task %s: %w", id, engine.ErrNotFound)
}

// addressOf reads an address as Docker gives it; the zero value where there is none.
func addressOf(a netip.Addr) netip.Addr {
	if a.IsUnspecified() {
		return netip.Addr{}
	}
	return a.Unmap()
}
