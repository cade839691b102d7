package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/distribution/reference"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/operator"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/unsupported"
)

// Health tells whether this Berth does its work: the store is well and the machine has joined.
func (m *machine) Health(ctx context.Context) operator.Health {
	state := m.db.Health(ctx)
	health := operator.Health{
		Status: operator.OK, Version: version, Instance: m.in.ID, Engine: m.o.engine, Endpoint: m.endpoint, Problems: []string{},
		Store: operator.StoreHealth{Revision: state.Revision, Bytes: state.Size, Quota: state.Quota},
	}
	problem := func(status, what string) {
		health.Status = status
		health.Problems = append(health.Problems, what)
	}
	if err := m.disk.Room(); err != nil {
		problem(operator.Impaired, err.Error())
	}
	if state.Full {
		problem(operator.Impaired, fmt.Sprintf("the store is full (%s of %s): only deletions are accepted", bytesText(state.Size), bytesText(state.Quota)))
	}
	if state.Err != nil {
		problem(operator.Impaired, "the store does not work: "+state.Err.Error())
	}
	if !m.server.Joined(m.in.ID, len(identities)) {
		problem(operator.Starting, "this machine's agent has not joined yet")
	}
	return health
}

// Images lists the engine's images.
func (m *machine) Images(ctx context.Context) ([]operator.Image, error) {
	images, err := m.engine.Images(ctx)
	return imagesOf(images), err
}

// ImportImage imports the images of a tar.
func (m *machine) ImportImage(ctx context.Context, archive io.Reader) ([]operator.Image, error) {
	images, err := m.engine.ImportImage(ctx, archive, nil)
	return imagesOf(images), err
}

// RemoveImage removes an image's name.
func (m *machine) RemoveImage(ctx context.Context, name string) error {
	err := m.engine.RemoveImage(ctx, name)
	if errors.Is(err, engine.ErrNotFound) {
		return fmt.Errorf("%w: no image is named %s; `berth image ls` lists them", operator.ErrNotFound, name)
	}
	return err
}

// PullImage pulls an image from its registry. Who asks for that by hand means Docker Hub by a name without a registry.
func (m *machine) PullImage(ctx context.Context, name string) (operator.Image, error) {
	named, err := reference.ParseDockerRef(name)
	if err != nil {
		return operator.Image{}, fmt.Errorf("%q is no image's name: %w", name, err)
	}
	pulled, err := m.engine.PullImage(ctx, engine.PullRequest{Reference: named.String(), Policy: engine.PullAlways}, nil)
	if err != nil {
		return operator.Image{}, err
	}
	return imageOf(pulled), nil
}

// PruneImages removes images that no task uses.
func (m *machine) PruneImages(ctx context.Context, all bool, unusedFor time.Duration) ([]operator.Image, error) {
	removed, err := m.engine.PruneImages(ctx, engine.PruneRequest{All: all, UnusedFor: unusedFor})
	return imagesOf(removed), err
}

// Pulls lists the images on their way.
func (m *machine) Pulls(context.Context) []operator.Pull { return m.engine.underWay() }

// Unsupported is what was asked for so far and refused or ignored.
func (m *machine) Unsupported(context.Context) unsupported.Record { return m.server.Wire.NotDone() }

// resetTimeout bounds a reset, which takes well under a second.
const resetTimeout = 30 * time.Second

// Reset stops what runs and forgets all state, images, shared volumes and keys excepted. The APIs answer throughout; what they are told
// meanwhile is forgotten too, or not. Once begun it goes on without who asked for it: half a reset leaves no agent.
func (m *machine) Reset(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resetTimeout)
	defer cancel()
	m.resetting.Lock()
	defer m.resetting.Unlock()
	if m.ending {
		return errors.New("berth is shutting down")
	}
	life := m.stopAgent()
	if err := life.Forget(ctx); err != nil {
		return errors.Join(err, m.startAgent())
	}
	if err := errors.Join(m.server.Reset(ctx), m.startAgent()); err != nil {
		return err
	}
	return m.joined(ctx)
}

// joined waits until the machine's agent has sessions for all that it offers.
func (m *machine) joined(ctx context.Context) error {
	for !m.server.Joined(m.in.ID, len(identities)) {
		if err := pause(ctx, time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// Down begins the end.
func (m *machine) Down(_ context.Context, keepTasks bool) error {
	select {
	case m.down <- keepTasks:
	default: // it has begun already
	}
	return nil
}

const (
	// endTimeout bounds how long the end waits for tasks to stop: the longest stopTimeout, and some.
	endTimeout = 150 * time.Second
	// tidyTimeout bounds how long it waits for the output of stopped tasks to be shipped, and for what is left of them to go.
	tidyTimeout = 15 * time.Second
)

// endTasks stops every task and waits until nothing is left of any, telling which have not stopped. ended is the context that ended.
func (m *machine) endTasks(ended context.Context) {
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	m.server.ECS.StopPlacing()
	for told := false; ; told = true {
		live, err := m.server.ECS.StopAll(ctx, "Berth was shut down")
		if err != nil {
			m.progress.Step("tasks could not be stopped, and the next start adopts them: %v", err)
			return
		}
		if len(live) == 0 {
			m.tidy()
			return
		}
		if !told {
			hint := ""
			if errors.Is(context.Cause(ended), interrupted{syscall.SIGINT}) {
				hint = " (Ctrl-C again leaves them to the next start)"
			}
			m.progress.Step("stopping %s%s", count(len(live), "task"), hint)
		}
		m.progress.State("waiting for %s to stop", joinWords(names(live)))
		if pause(ctx, 10*time.Millisecond) != nil {
			m.progress.Step("%s did not stop within %s, and the next start adopts them", count(len(live), "task"), endTimeout)
			return
		}
	}
}

// tidy waits until nothing is left of the tasks that have stopped.
func (m *machine) tidy() {
	defer m.progress.Done()
	ctx, cancel := context.WithTimeout(context.Background(), tidyTimeout)
	defer cancel()
	m.mu.Lock()
	life := m.agent
	m.mu.Unlock()
	for life.Left() > 0 {
		m.progress.State("waiting for the output of %s", count(life.Left(), "stopped task"))
		if pause(ctx, 5*time.Millisecond) != nil {
			m.progress.Step("the next start ships what is left of the output of %s", count(life.Left(), "stopped task"))
			return
		}
	}
}

// names are what people know tasks by.
func names(tasks []store.Row[ecs.Task]) (names []string) {
	for _, row := range tasks {
		names = append(names, fmt.Sprintf("%s (%s)", shortID(row.ID), row.Value.Definition.Family))
	}
	slices.Sort(names)
	return names
}

func imagesOf(images []engine.Image) []operator.Image {
	list := make([]operator.Image, 0, len(images))
	for _, i := range images {
		list = append(list, imageOf(i))
	}
	return list
}

func imageOf(i engine.Image) operator.Image {
	return operator.Image{Name: i.Name, Digest: i.Digest, Size: i.Size, Created: i.Created, Origin: string(i.Origin), Used: i.UsedAt, InUse: i.InUse}
}

// atoi reads a number that this program wrote.
func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}
