package main

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/operator"
)

// pulls is an engine whose pulls under way can be seen, for people who wait for them.
type pulls struct {
	engine.Engine
	mu  sync.Mutex
	now map[*operator.Pull]struct{}
}

func watchPulls(e engine.Engine) *pulls {
	return &pulls{Engine: e, now: map[*operator.Pull]struct{}{}}
}

// PullImage pulls as the engine does, and notes how far it is.
func (p *pulls) PullImage(ctx context.Context, req engine.PullRequest, progress func(engine.PullProgress)) (engine.Image, error) {
	pull := &operator.Pull{Reference: req.Reference}
	p.note(func() { p.now[pull] = struct{}{} })
	defer p.note(func() { delete(p.now, pull) })
	return p.Engine.PullImage(ctx, req, func(at engine.PullProgress) {
		p.note(func() { pull.Status, pull.Bytes, pull.Complete = at.Status, at.Bytes, at.Complete })
		if progress != nil {
			progress(at)
		}
	})
}

func (p *pulls) note(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

// underWay lists the pulls, by reference.
func (p *pulls) underWay() []operator.Pull {
	list := []operator.Pull{}
	p.note(func() {
		for pull := range p.now {
			list = append(list, *pull)
		}
	})
	slices.SortFunc(list, func(a, b operator.Pull) int { return cmp.Compare(a.Reference, b.Reference) })
	return list
}
