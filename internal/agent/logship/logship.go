// Package logship brings what containers print to CloudWatch Logs: it reads each container's spool (package spool) and puts
// the lines into the stream that the task definition's awslogs options name. internal/agent/task calls it.
//
// Nothing is lost and nothing doubled, whoever dies: a line stays in the spool until the service has answered, each batch
// says which offsets of the spool it holds (package logsource), and the service stores an offset once. The offset that the
// agent's database keeps only saves reading again; it is written now and then, always before the spool lets lines go.
//
// A service that can't be reached is tried for ever, with the spool filling up meanwhile. What the service refuses for
// good (its group was deleted, say) is dropped, counted and told in the agent's log.
package logship

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-dev/berth/internal/agent/db"
	"github.com/berth-dev/berth/internal/agent/task"
)

// Config sets up a Shipper.
type Config struct {
	Offsets     Offsets
	Endpoint    string                  // of the control plane: "http://127.0.0.1:4566"
	Credentials aws.CredentialsProvider // the agent's own
	HTTP        *http.Client            // nil: one of its own
	Logger      *slog.Logger            // nil: slog.Default()
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
	if config.HTTP == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = 64 // containers print at the same time
		config.HTTP = &http.Client{Transport: transport}
	}
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

// Follow ships from the container's spool, which exists, until Drain or Forget, from where an earlier agent left off. It
// returns at once. Following again changes nothing.
func (s *Shipper) Follow(l task.Log) {
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

// Drain returns nil once all that the task's stopped containers printed is shipped, or refused for good.
func (s *Shipper) Drain(ctx context.Context, id string) error {
	for _, f := range s.of(id) {
		f.drain()
	}
	for _, f := range s.of(id) {
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
}

func (s *Shipper) of(id string) (list []*follower) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.followers[id] {
		list = append(list, f)
	}
	return list
}
