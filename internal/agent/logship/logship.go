// Package logship brings what containers print to where their definitions say: it reads each container's spool (package
// spool) and gives batches of it to the container's log driver (package logdriver). internal/agent/task calls it.
//
// Nothing is lost, whoever dies: a line stays in the spool until its backend has taken it. What was on its way at the moment of a
// crash is sent again; a backend that can tell (CloudWatch Logs, a json-file) by the offsets that each batch names stores it
// once. The offset that the agent's database keeps is written now and then, always before the spool lets lines go.
//
// A backend that can't be reached is tried for as long as the container runs, with the spool filling up meanwhile, and then for
// as long as the driver has patience. What is refused for good is dropped, counted and told in the agent's log.
package logship

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/berth-dev/berth/internal/agent/db"
	"github.com/berth-dev/berth/internal/agent/logdriver"
	"github.com/berth-dev/berth/internal/agent/task"
)

// Config sets up a Shipper.
type Config struct {
	Offsets Offsets
	Drivers map[string]logdriver.Driver // by their names in task definitions
	Ended   func(task string) error     // told of each task whose output is not followed any more; may be nil
	Logger  *slog.Logger                // nil: slog.Default()
	// Every is the least time between two batches of one container: what is printed is seen after at most that. Default 100 ms.
	Every time.Duration
	// Idle is how long a spool that is being drained and has no end may say nothing before it is taken for complete: that of
	// a container that was never started. Default 5 s.
	Idle time.Duration
}

// Offsets keeps how far each container's output is shipped: *db.DB.
type Offsets interface {
	Offset(task, container string) (int64, error)
	Write(ctx context.Context, b db.Batch) error
}

// Shipper ships the output of many containers. It is the Logs of package task.
type Shipper struct {
	Config
	dropped atomic.Uint64

	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu        sync.Mutex
	followers map[string]map[string]*follower // by task and container
}

var _ task.Logs = (*Shipper)(nil)

// New makes a shipper.
func New(config Config) *Shipper {
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	if config.Every == 0 {
		config.Every = 100 * time.Millisecond
	}
	if config.Idle == 0 {
		config.Idle = 5 * time.Second
	}
	s := &Shipper{Config: config, followers: map[string]map[string]*follower{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Close stops shipping, whatever is left in the spools, and waits until it has stopped.
func (s *Shipper) Close() {
	s.cancel()
	s.work.Wait()
}

// Dropped is how many events the service refused for good since the start.
func (s *Shipper) Dropped() uint64 { return s.dropped.Load() }

// Prepare checks a container's log configuration and has ready what its driver needs. Its error fails the task, in the words of AWS or
// of Docker.
func (s *Shipper) Prepare(ctx context.Context, l logdriver.Source) error {
	driver, err := s.driver(l)
	if err != nil {
		return err
	}
	if l, err = l.WithSecrets(ctx); err != nil {
		return err
	}
	return driver.Prepare(ctx, l)
}

func (s *Shipper) driver(l logdriver.Source) (logdriver.Driver, error) {
	if d := s.Drivers[l.Driver]; d != nil {
		return d, nil
	}
	return nil, fmt.Errorf("logger: no log driver named '%s' is registered", l.Driver)
}

// Follow ships from the container's spool, which exists, until Drain or Forget, from where an earlier agent left off. It
// returns at once. Following again changes nothing.
func (s *Shipper) Follow(l logdriver.Source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	containers := s.followers[l.Task]
	if containers == nil {
		containers = map[string]*follower{}
		s.followers[l.Task] = containers
	}
	if containers[l.Container] != nil || s.ctx.Err() != nil {
		return
	}
	f := newFollower(s, l)
	containers[l.Container] = f
	s.work.Go(f.run)
}

// Drain returns nil once all that the named containers of a task printed, which have stopped, is shipped or dropped. Without names
// it is all of the task's.
func (s *Shipper) Drain(ctx context.Context, id string, containers ...string) error {
	followers := s.of(id)
	if len(containers) > 0 {
		followers = slices.DeleteFunc(followers, func(f *follower) bool { return !slices.Contains(containers, f.source.Container) })
	}
	for _, f := range followers {
		f.drain()
	}
	for _, f := range followers {
		select {
		case <-f.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if s.ctx.Err() != nil {
			return errors.New("the log shipper is closed")
		}
	}
	return nil
}

// Forget stops shipping for a task.
func (s *Shipper) Forget(id string) {
	followers := s.of(id)
	s.mu.Lock()
	delete(s.followers, id)
	s.mu.Unlock()
	for _, f := range followers {
		f.cancel()
		<-f.done
	}
	if s.Ended != nil {
		if err := s.Ended(id); err != nil {
			s.Logger.Warn("what is kept of a task's output has no time of its end", "task", id, "error", err)
		}
	}
}

func (s *Shipper) of(id string) (list []*follower) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.followers[id] {
		list = append(list, f)
	}
	return list
}
