// Package stats measures what the containers of a machine use. internal/agent makes its Sampler; internal/agent/metadata
// answers a task's own containers from it, and internal/agent/session sends the control plane what it gathered.
package stats

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/berth-dev/berth/api/tcs"
	"github.com/berth-dev/berth/internal/agent/engine"
)

const (
	// sampleEvery is the rhythm of what goes to the control plane: the ECS agent's, when it polls.
	sampleEvery = 10 * time.Second
	// freshFor is how old a sample may be that answers a container's question.
	freshFor = time.Second
	// sampleTimeout is how long an engine may take for one task: one that hangs costs a round that much for each.
	sampleTimeout = 5 * time.Second
)

// Config is what a Sampler is made of.
type Config struct {
	Engine Engine
	Log    *slog.Logger // default slog.Default()
}

// Engine samples tasks: engine.Engine.
type Engine interface {
	Stats(ctx context.Context, task string) ([]engine.ContainerStats, error)
}

// Task is a task whose containers are measured.
type Task struct {
	ID, Identity          string
	ARN, Family, Revision string
	NetworkMode           string
	Containers            []Container // those that run
	Storage               *int64      // bytes that it takes of its ephemeral storage; nil: it has none
	// Defined is how many containers its definition has, which in network mode awsvpc share one network.
	Defined int
}

// Container is one that is measured.
type Container struct {
	Name, ARN string
	// Restarts is how often its restart policy started it again; nil without one.
	Restarts *int
}

// Usage is what a container uses.
type Usage struct {
	Name, RuntimeID string
	// Stats has the sample before it in PreCPUStats and PreRead, as Docker's has.
	Stats container.StatsResponse
	// Rate is nil until there are two samples, and for a container without a network of its own.
	Rate *NetworkRate
}

// NetworkRate is what passes in a second, over all interfaces.
type NetworkRate struct {
	RxBytes float64 `json:"rx_bytes_per_sec"`
	TxBytes float64 `json:"tx_bytes_per_sec"`
}

// Sampler samples containers: all of them now and then, and a task's when one of its containers asks. It keeps the latest
// sample of each. Its methods may be called at the same time.
type Sampler struct {
	Config

	mu    sync.Mutex
	tasks map[string]*measured // by id
}

// measured is a task that was sampled.
type measured struct {
	turn chan struct{} // has an item while the engine is asked

	mu    sync.Mutex // held to read and write what follows, never for as long as an engine takes
	at    time.Time  // of the latest sample
	meter map[string]*meter
}

// New returns a Sampler that has no sample yet.
func New(cfg Config) *Sampler {
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	return &Sampler{Config: cfg, tasks: map[string]*measured{}}
}

// Run samples the tasks that run until ctx ends, one after the other, and forgets those that no longer do.
func (s *Sampler) Run(ctx context.Context, running func() []Task) {
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	for {
		tasks := running()
		s.keep(tasks)
		for _, t := range tasks {
			if err := s.sample(ctx, t, sampleEvery/2); err != nil && ctx.Err() == nil {
				s.Log.Debug("a task's use could not be measured", "task", t.ID, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// keep forgets all tasks but these.
func (s *Sampler) keep(tasks []Task) {
	live := map[string]bool{}
	for _, t := range tasks {
		live[t.ID] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.tasks {
		if !live[id] {
			delete(s.tasks, id)
		}
	}
}

// of returns what is kept of a task.
func (s *Sampler) of(task string) *measured {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.tasks[task]
	if m == nil {
		m = &measured{turn: make(chan struct{}, 1), meter: map[string]*meter{}}
		s.tasks[task] = m
	}
	return m
}

// Read returns what a task's running containers use now, in order of creation.
func (s *Sampler) Read(ctx context.Context, t Task) ([]Usage, error) {
	if err := s.sample(ctx, t, freshFor); err != nil {
		return nil, err
	}
	m := s.of(t.ID)
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Usage
	for _, c := range t.Containers {
		if meter := m.meter[c.Name]; meter != nil {
			all = append(all, meter.latest)
		}
	}
	return all, nil
}

// sample samples a task unless its latest sample is not that old.
func (s *Sampler) sample(ctx context.Context, t Task, old time.Duration) error {
	m := s.of(t.ID)
	ctx, cancel := context.WithTimeoutCause(ctx, sampleTimeout, errSlow)
	defer cancel()
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if m.newerThan(old) {
		return nil
	}
	samples, err := s.Engine.Stats(ctx, t.ID)
	if err != nil {
		return err
	}
	m.add(t, samples)
	return nil
}

var errSlow = fmt.Errorf("the engine has not answered within %v", sampleTimeout)

// newerThan says that the latest sample is not that old.
func (m *measured) newerThan(old time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.at.IsZero() && time.Since(m.at) < old
}

// add takes in a sample of a task, and forgets the containers that are not in it.
func (m *measured) add(t Task, samples []engine.ContainerStats) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at = time.Now()
	seen := map[string]bool{}
	for _, sample := range samples {
		if t.NetworkMode == "awsvpc" { // each has its part, as under the ECS agent, so that their sum is the task's
			sample.Stats.Networks = part(sample.Stats.Networks, uint64(max(t.Defined, 1)))
		}
		seen[sample.Name] = true
		if m.meter[sample.Name] == nil {
			m.meter[sample.Name] = &meter{}
		}
		m.meter[sample.Name].add(sample)
	}
	for name := range m.meter {
		if !seen[name] {
			delete(m.meter, name)
		}
	}
}

// Collect returns what an identity's tasks used since it was last called, ordered by task. It leaves out those of which
// there is nothing new to tell, and does not wait for an engine.
func (s *Sampler) Collect(tasks []Task) []tcs.TaskMetric {
	var all []tcs.TaskMetric
	for _, t := range tasks {
		metric := tcs.TaskMetric{TaskArn: t.ARN, TaskDefinitionFamily: t.Family, TaskDefinitionVersion: t.Revision}
		m := s.of(t.ID)
		m.mu.Lock()
		for _, c := range t.Containers {
			if meter := m.meter[c.Name]; meter != nil {
				if told, ok := meter.collect(c, t.NetworkMode != "host" && t.NetworkMode != "none"); ok {
					metric.ContainerMetrics = append(metric.ContainerMetrics, told)
				}
			}
		}
		m.mu.Unlock()
		if metric.ContainerMetrics != nil {
			if t.Storage != nil {
				var used counts
				used.add(uint64(*t.Storage))
				metric.EphemeralStorageMetrics = &tcs.EphemeralStorageMetrics{BytesUtilized: used.set()}
			}
			all = append(all, metric)
		}
	}
	slices.SortFunc(all, func(a, b tcs.TaskMetric) int { return cmp.Compare(a.TaskArn, b.TaskArn) })
	return all
}
