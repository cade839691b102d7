package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/agent"
)

// Config is what the agents of a fleet have in common.
type Config struct {
	Endpoint    string // of the control plane: "http://127.0.0.1:4566"
	Region      string
	Credentials aws.CredentialsProvider // of somebody who may speak for any machine
	Cluster     string                  // which is there; empty: "default"
	Fargate     bool                    // the machines join the Fargate pool, not the cluster

	CPU, Memory int64 // of each machine, in CPU units and MiB; 0: 4 cores, 16 GiB
	// Telemetry opens the second socket of each agent too.
	Telemetry  bool
	Attributes []ecs.Attribute // beside those that every agent has
	// Reported is told of each change of a task's state that the control plane has taken, which by then is durable. It is
	// called by many goroutines. Nil: nobody is told.
	Reported func(task, status string)

	Log *slog.Logger // nil: nothing is logged
}

// Fleet is a number of agents. Its methods may be called at the same time.
type Fleet struct {
	Config
	life context.Context
	end  context.CancelCauseFunc
	work sync.WaitGroup

	mu     sync.Mutex
	agents []*Agent
}

// New returns a fleet without agents.
func New(cfg Config) *Fleet {
	cfg.CPU, cfg.Memory = cmp.Or(cfg.CPU, 4096), cmp.Or(cfg.Memory, 16<<10)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	f := &Fleet{Config: cfg}
	f.life, f.end = context.WithCancelCause(context.Background())
	return f
}

// joining is how many agents register at a time.
const joining = 64

// Add starts n more agents and returns them once each has registered, is connected, and has taken the list of its tasks.
func (f *Fleet) Add(ctx context.Context, n int) ([]*Agent, error) {
	f.mu.Lock()
	first := len(f.agents)
	added := make([]*Agent, n)
	for i := range added {
		added[i] = f.newAgent(first + i)
	}
	f.agents = append(f.agents, added...)
	f.mu.Unlock()
	places, failed := make(chan struct{}, joining), make(chan error, n)
	for _, a := range added {
		places <- struct{}{}
		if err := a.Start(); err != nil {
			return nil, err
		}
		go func() {
			failed <- a.AwaitJoined(ctx)
			<-places
		}()
	}
	var errs error
	for range added {
		if err := <-failed; err != nil && errs == nil {
			errs = fmt.Errorf("a hollow agent did not join: %w", err)
		}
	}
	return added, errs
}

// Agents returns all agents, in the order in which they were added.
func (f *Fleet) Agents() []*Agent {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*Agent(nil), f.agents...)
}

// errClosed is why agents end.
var errClosed = errors.New("the fleet is closed")

// Close ends all agents and waits for them. Their tasks end with them, untold.
func (f *Fleet) Close() {
	f.end(errClosed)
	f.work.Wait()
	for _, a := range f.Agents() {
		a.Stop()
	}
}

func (f *Fleet) identity() agent.Identity {
	return agent.Identity{Name: "hollow", Cluster: f.Cluster, Fargate: f.Fargate, Attributes: f.Attributes}
}
