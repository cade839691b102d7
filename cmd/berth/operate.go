package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/operator"
)

// Health tells whether this Berth does its work: the store is well and the machine has joined.
func (m *machine) Health(ctx context.Context) operator.Health {
	state := m.db.Health(ctx)
	health := operator.Health{
		Status: "ok", Version: version, Instance: m.in.ID, Engine: m.o.engine, Endpoint: m.endpoint, Problems: []string{},
		Store: operator.StoreHealth{Revision: state.Revision, Bytes: state.Size, Quota: state.Quota},
	}
	problem := func(status, what string) {
		health.Status = status
		health.Problems = append(health.Problems, what)
	}
	if !m.server.Joined(m.in.ID, len(identities)) {
		problem("starting", "this machine's agent has not joined yet")
	}
	if state.Full {
		problem("impaired", fmt.Sprintf("the store is full (%s of %s): only deletions are accepted", bytesText(state.Size), bytesText(state.Quota)))
	}
	if state.Err != nil {
		problem("impaired", "the store does not work: "+state.Err.Error())
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
		return fmt.Errorf("no image is named %s here: %w", name, operator.ErrNotFound)
	}
	return err
}

// Pulls lists the images on their way.
func (m *machine) Pulls(context.Context) []operator.Pull { return m.engine.underWay() }

// Reset stops what runs and forgets all state, images and keys excepted. The APIs answer throughout; what they are told
// meanwhile is forgotten too, or not.
func (m *machine) Reset(ctx context.Context) error {
	m.resetting.Lock()
	defer m.resetting.Unlock()
	life := m.stopAgent()
	if err := life.Forget(ctx); err != nil {
		return errors.Join(err, m.startAgent(ctx))
	}
	if err := errors.Join(m.server.Reset(ctx), m.startAgent(ctx)); err != nil {
		return err
	}
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

// endTimeout bounds how long the end waits for tasks: the longest stopTimeout, and some.
const endTimeout = 150 * time.Second

// endTasks stops every task and waits until all have stopped.
func (m *machine) endTasks() {
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	for told := false; ; told = true {
		live, err := m.server.ECS.StopAll(ctx, "Berth was shut down")
		if err != nil {
			m.log.Warn("tasks could not be stopped; the next start adopts them", "error", err)
			return
		}
		if live == 0 {
			return
		}
		if !told {
			m.log.Info("stopping tasks", "tasks", live)
		}
		if pause(ctx, 10*time.Millisecond) != nil {
			m.log.Warn("tasks have not stopped in time; the next start adopts them", "tasks", live)
			return
		}
	}
}

func imagesOf(images []engine.Image) []operator.Image {
	list := make([]operator.Image, 0, len(images))
	for _, i := range images {
		list = append(list, operator.Image{Name: i.Name, Digest: i.Digest, Size: i.Size, Created: i.Created})
	}
	return list
}

// atoi reads a number that this program wrote.
func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}
