package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/disk"
	"github.com/berth-dev/berth/internal/operator"
)

// pulls is an engine whose pulls under way can be seen, for people who wait for them, and that brings in no more images once
// the disk is full.
type pulls struct {
	engine.Engine
	room func() error
	mu   sync.Mutex
	now  map[*operator.Pull]struct{}
}

func watchPulls(e engine.Engine, room func() error) *pulls {
	return &pulls{Engine: e, room: room, now: map[*operator.Pull]struct{}{}}
}

// PullImage pulls as the engine does, and notes how far it is.
func (p *pulls) PullImage(ctx context.Context, req engine.PullRequest, progress func(engine.PullProgress)) (engine.Image, error) {
	pull := &operator.Pull{Reference: req.Reference}
	p.note(func() { p.now[pull] = struct{}{} })
	defer p.note(func() { delete(p.now, pull) })
	image, err := withRoom(ctx, p.room, func(ctx context.Context) (engine.Image, error) {
		return p.Engine.PullImage(ctx, req, func(at engine.PullProgress) {
			p.note(func() { pull.Status, pull.Bytes, pull.Complete = at.Status, at.Bytes, at.Complete })
			if progress != nil {
				progress(at)
			}
		})
	})
	if errors.Is(err, disk.ErrFull) {
		err = &engine.Error{Kind: engine.CannotPullContainer, Err: err}
	}
	return image, err
}

// ImportImage imports as the engine does; not a byte of the archive is read while the disk is full.
func (p *pulls) ImportImage(ctx context.Context, archive io.Reader, progress func(engine.PullProgress)) ([]engine.Image, error) {
	return withRoom(ctx, p.room, func(ctx context.Context) ([]engine.Image, error) {
		return p.Engine.ImportImage(ctx, &roomyReader{archive, p.room}, progress)
	})
}

// roomyReader is read as long as there is room for it on the disk.
type roomyReader struct {
	io.Reader
	room func() error
}

func (r *roomyReader) Read(p []byte) (int, error) {
	if err := r.room(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// lookEvery is how often the disk is looked at while an image comes: what is unpacked may be many times what is read.
const lookEvery = 100 * time.Millisecond

// withRoom has do end, for want of room, when the disk gets full meanwhile.
func withRoom[T any](ctx context.Context, room func() error, do func(context.Context) (T, error)) (T, error) {
	ctx, end := context.WithCancelCause(ctx)
	var look sync.WaitGroup
	look.Go(func() {
		ticks := time.NewTicker(lookEvery)
		defer ticks.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
			}
			if full := room(); errors.Is(full, disk.ErrFull) {
				end(full)
			}
		}
	})
	done, err := do(ctx)
	if full := context.Cause(ctx); err != nil && errors.Is(full, disk.ErrFull) {
		err = full
	}
	end(nil)
	look.Wait()
	return done, err
}

func (p *pulls) note(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

// underWay lists the pulls, by reference. Containers that wait for the same image share one.
func (p *pulls) underWay() []operator.Pull {
	list := []operator.Pull{}
	p.note(func() {
		for pull := range p.now {
			list = append(list, *pull)
		}
	})
	slices.SortFunc(list, func(a, b operator.Pull) int {
		return cmp.Or(cmp.Compare(a.Reference, b.Reference), cmp.Compare(b.Complete, a.Complete))
	})
	return slices.CompactFunc(list, func(a, b operator.Pull) bool { return a.Reference == b.Reference })
}

// pullText is how far a pull is.
func pullText(pull operator.Pull) string {
	if pull.Bytes == 0 {
		return pull.Status + " " + pull.Reference
	}
	return fmt.Sprintf("%s %s: %s of %s", pull.Status, pull.Reference, bytesText(pull.Complete), bytesText(pull.Bytes))
}

// tellPulls adds to the views of tasks that have not started what images they wait for.
func (t *target) tellPulls(ctx context.Context, tasks []ecs.Task, views []view) {
	waiting := func(task ecs.Task) bool { return task.LastStatus == "PENDING" }
	if !slices.ContainsFunc(tasks, waiting) {
		return
	}
	pulls, err := t.operator.Pulls(ctx)
	if err != nil {
		return // it is a courtesy: the statuses say enough
	}
	for i, task := range tasks {
		if waiting(task) {
			views[i].Pulls = pullsOf(task, pulls)
		}
	}
}

// pullsOf are those of a task's images.
func pullsOf(task ecs.Task, pulls []operator.Pull) (wanted []operator.Pull) {
	for _, pull := range pulls {
		if slices.ContainsFunc(task.Containers, func(c ecs.Container) bool { return c.Image == pull.Reference }) {
			wanted = append(wanted, pull)
		}
	}
	return wanted
}
