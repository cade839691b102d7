package docker

import (
	"context"
	"errors"
	"sync"

	"github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// Stats samples the running containers, all at once. What goes through their network is counted where it is: at the pause
// container that they share it with.
func (e *Engine) Stats(ctx context.Context, id string) ([]engine.ContainerStats, error) {
	t, err := e.known(id)
	if err != nil {
		return nil, err
	}
	var running []*box
	t.mu.Lock()
	for _, b := range t.ordered() {
		if b.seen.State == engine.Running && t.lost == "" {
			running = append(running, b)
		}
	}
	t.mu.Unlock()
	networks := map[string]*container.StatsResponse{}
	for _, b := range running {
		if name := b.netKeeper(); name != "" && networks[name] == nil {
			networks[name] = &container.StatsResponse{}
		}
	}
	samples, errs := make([]*container.StatsResponse, len(running)), make([]error, len(running))
	var sampling sync.WaitGroup
	for name, s := range networks {
		sampling.Go(func() {
			if sample, err := e.sample(ctx, name); err == nil { // else the containers' own samples say why
				*s = *sample
			}
		})
	}
	for i, b := range running {
		sampling.Go(func() { samples[i], errs[i] = e.sample(ctx, b.record.ID) })
	}
	sampling.Wait()
	var all []engine.ContainerStats
	for i, b := range running {
		if errs[i] != nil {
			if ctx.Err() != nil || !errors.Is(errs[i], engine.ErrNotFound) {
				return nil, errs[i]
			}
			continue // it has ended meanwhile
		}
		if s := networks[b.netKeeper()]; s != nil {
			samples[i].Networks = s.Networks
		}
		if samples[i].Read.IsZero() {
			continue
		}
		b.sinceLast(samples[i])
		all = append(all, engine.ContainerStats{Name: b.record.Name, RuntimeID: b.record.ID, Stats: *samples[i]})
	}
	return all, nil
}

// sinceLast adds to a sample the one before, as the daemon's own stream of samples has it.
func (b *box) sinceLast(s *container.StatsResponse) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s.PreRead, s.PreCPUStats = b.sampled.Read, b.sampled.CPUStats
	b.sampled = *s
}

// netKeeper names the pause container whose network a container is in; empty on the host's.
func (b *box) netKeeper() string {
	switch {
	case b.record.Own:
		return b.pauseOf(b.id, b.record.Name)
	case b.task.record.Spec.NetNS != "" || b.task.record.Spec.NoNetwork:
		return b.pauseOf(b.id, "")
	}
	return ""
}

func (e *Engine) sample(ctx context.Context, id string) (*container.StatsResponse, error) {
	var s container.StatsResponse
	err := e.ask(ctx, askTime, "sample container", func(ctx context.Context) error {
		answer, err := e.api.ContainerStats(ctx, id, client.ContainerStatsOptions{})
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		return json.UnmarshalRead(answer.Body, &s, jsonv1.DefaultOptionsV1())
	})
	return &s, err
}
