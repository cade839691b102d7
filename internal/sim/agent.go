package sim

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/berth-dev/berth/internal/agent"
	"github.com/berth-dev/berth/internal/agent/db"
	"github.com/berth-dev/berth/internal/agent/engine/fake"
	"github.com/berth-dev/berth/internal/agent/metadata"
	"github.com/berth-dev/berth/internal/agent/session"
	"github.com/berth-dev/berth/internal/wire/client"
)

// Agent is one hollow agent and its machine. It can be stopped and started again as an agent's process is: the machine's
// containers go on meanwhile, and so does what it is registered as.
type Agent struct {
	// Machine holds the containers that do not exist, and the scripts by which they behave.
	Machine *fake.Machine
	// Name is the machine's own.
	Name string

	fleet *Fleet
	lines *lines
	tasks *tasks
	known memory

	mu     sync.Mutex
	cancel context.CancelFunc // of the life that runs; nil: stopped
	ended  chan struct{}
	joined chan struct{} // closed once the control plane knows that this life is connected
}

func (f *Fleet) newAgent(number int) *Agent {
	a := &Agent{Machine: fake.NewMachine(), Name: fmt.Sprintf("hollow-%05d", number), fleet: f, lines: newLines()}
	a.tasks = newTasks(a)
	a.Machine.OnEnd(a.tasks.wake)
	return a
}

// Start begins a life of the agent's process, which runs until Stop.
func (a *Agent) Start() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cancel != nil {
		return fmt.Errorf("%s runs already", a.Name)
	}
	ctx, cancel := context.WithCancel(a.fleet.life)
	info, err := a.tasks.engine.Info(ctx)
	if err != nil {
		cancel()
		return err
	}
	c := client.New(a.fleet.Endpoint, a.fleet.Credentials, a.fleet.Region)
	c.HTTP = &http.Client{Transport: a.lines.transport}
	s, err := session.New(session.Config{
		Identity: a.fleet.identity().Name, Cluster: a.fleet.Cluster, Client: c, DB: &a.known, Keyring: metadata.NewKeyring(), Silent: !a.fleet.Telemetry,
		Attributes: agent.Attributes(a.Name, a.fleet.identity(), info), Resources: agent.Resources(a.fleet.CPU, a.fleet.Memory<<20, nil),
		Version: "0.0.0", Hash: "hollow", Engine: "fake-1", Log: a.fleet.Log,
	})
	if err != nil {
		cancel()
		return err
	}
	a.cancel, a.ended, a.joined = cancel, make(chan struct{}), make(chan struct{})
	a.tasks.begin(ctx, s.Submit)
	a.fleet.work.Go(func() {
		defer close(a.ended)
		if err := s.Run(ctx, a.tasks); ctx.Err() == nil {
			a.fleet.Log.Error("a hollow agent ended", "agent", a.Name, "error", err)
		}
		a.tasks.wait()
	})
	return nil
}

// Stop ends the agent's process in an instant: its connections break, what it has not reported yet is not reported.
func (a *Agent) Stop() {
	a.mu.Lock()
	cancel, ended := a.cancel, a.ended
	a.mu.Unlock()
	if cancel == nil {
		return
	}
	cancel()
	a.lines.cut()
	<-ended // unlocked: an agent that is about to end may still have joined
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended == ended {
		a.cancel = nil
	}
}

// Cut breaks all the agent's connections, as a network does. It comes back by itself.
func (a *Agent) Cut() { a.lines.cut() }

// Forget has a stopped agent forget what it is registered as, as one does whose disk was wiped: its next life registers the
// machine anew. Containers go on.
func (a *Agent) Forget() { _ = a.known.PutIdentity(context.Background(), db.Identity{}) }

// AwaitJoined returns once this life of the agent has joined, and the control plane knows it.
func (a *Agent) AwaitJoined(ctx context.Context) error {
	a.mu.Lock()
	joined, ended := a.joined, a.ended
	a.mu.Unlock()
	select {
	case <-joined:
		return nil
	case <-ended:
		return fmt.Errorf("%s ended", a.Name)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// hasJoined is called when the control plane asks what runs, which it does once it has recorded the session.
func (a *Agent) hasJoined() {
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case <-a.joined:
	default:
		close(a.joined)
	}
}

// Instance is the ARN of the container instance that the agent is registered as, empty before.
func (a *Agent) Instance() string {
	i, _ := a.known.Identity("")
	return i.ContainerInstance
}

// memory is what an agent keeps of what it is registered as: its machine's disk.
type memory struct {
	mu       sync.Mutex
	identity db.Identity
}

func (m *memory) Identity(name string) (db.Identity, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.identity
	i.Name = name
	return i, nil
}

func (m *memory) PutIdentity(_ context.Context, i db.Identity) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.identity = i
	return nil
}
