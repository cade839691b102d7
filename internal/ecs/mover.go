package ecs

import (
	"context"
	"errors"
	"time"

	"github.com/berth-dev/berth/internal/ecs/history"
	"github.com/berth-dev/berth/internal/store"
)

// How long what has ended is kept.
const (
	// keepStopped is how long a stopped task stays describable at least, whatever else there is, and a deregistered
	// instance at most: AWS's promise. Without a history a task stays in the state for as long.
	keepStopped = time.Hour
	// keepNear is how many stopped tasks stay in the state meanwhile, when there is a history; the others are in it.
	// Without one they stay beyond the hour.
	keepNear = 1000
	// keepHistory is how long a stopped task stays in the history, and keepRecords how many do beyond keepStopped.
	keepHistory = 30 * 24 * time.Hour
	keepRecords = 1_000_000
	// keepChanges is about how many state changes can be read as events. Each is about a task that is still known, for
	// each task that stopped since made one too.
	keepChanges = 1_000_000
)

const (
	moveEvery = 10 * time.Second
	moveStep  = 128 // tasks that are moved at once: one batch of the store
	trimEvery = time.Minute
	// tellEvery is how often one trouble is told.
	tellEvery = time.Minute
)

// mover takes stopped tasks out of the state: into the history, where there is one. It runs on the leader. A task is put into the
// history first and deleted then; when it can't go on between the two, the task is in both, and is moved again.
type mover struct {
	service *Service
	leader  *store.Leader
	history history.History // nil when there is none
	ended   *endings
	// recorded is up to which revision of the tasks the changes are recorded: not before may a task go.
	recorded func() int64
	told     time.Time
}

// run moves until ctx ends.
func (m *mover) run(ctx context.Context) {
	move, trim := time.NewTicker(moveEvery), time.NewTicker(trimEvery)
	defer move.Stop()
	defer trim.Stop()
	for {
		select {
		case <-m.ended.crowded:
			m.moveDue(ctx, time.Now())
		case now := <-move.C:
			m.moveDue(ctx, now)
		case now := <-trim.C:
			m.trim(ctx, now)
		case <-ctx.Done():
			return
		}
	}
}

// moveDue moves all that is due.
func (m *mover) moveDue(ctx context.Context, now time.Time) {
	due := func(left int, first time.Time) bool {
		far, old := left > keepNear, now.Sub(first) > keepStopped
		if m.history == nil {
			return far && old
		}
		return far || old
	}
	for ctx.Err() == nil {
		taken := m.ended.take(moveStep, due)
		moved, err := m.move(ctx, taken)
		m.ended.putBack(taken[moved:]...)
		if err != nil && ctx.Err() == nil && now.Sub(m.told) >= tellEvery {
			m.told = now
			m.service.log.Warn("stopped tasks could not be moved out of the state, and will be tried again", "error", err)
		}
		if err != nil || moved < moveStep {
			return
		}
	}
}

// move moves tasks, and returns how many of them are done with, from the front.
func (m *mover) move(ctx context.Context, tasks []ending) (moved int, err error) {
	m.service.moving.Lock()
	defer m.service.moving.Unlock()
	var rows []store.Row[Task]
	var records []history.Record
	recorded := m.recorded()
	took := map[taskKey]bool{}
	for _, e := range tasks {
		row, ok := m.service.Tasks.Get(e.scope, e.id)
		if ok && row.Revision > recorded {
			break
		}
		if moved++; !ok || row.Value.Status != Stopped || took[e.taskKey] {
			continue // a reset was faster, or it was put back twice: as changed, and as not moved
		}
		took[e.taskKey] = true
		value, err := m.service.Tasks.Encoded(row)
		if errors.Is(err, store.ErrNotFound) { // it was changed just now
			m.ended.putBack(e)
			continue
		}
		if err != nil {
			return 0, err
		}
		rows = append(rows, row)
		records = append(records, history.Record{Scope: row.Scope, ID: row.ID, Ended: row.Value.StoppedAt, Keys: pastKeys(row.Value), Value: value})
	}
	if len(rows) == 0 {
		return moved, nil
	}
	if m.history != nil {
		if err := m.history.Put(ctx, records); err != nil {
			return 0, err
		}
	}
	_, err = store.UpdateEach(ctx, m.leader, rows, func(tx *store.Tx, row store.Row[Task]) error {
		if t, ok := m.service.Tasks.GetTx(tx, row.Scope, row.ID); !ok || t != row.Value {
			return nil
		}
		return m.service.Tasks.Delete(tx, row.Scope, row.ID)
	})
	if err != nil {
		return 0, err
	}
	for _, row := range rows {
		if now, ok := m.service.Tasks.Get(row.Scope, row.ID); ok { // it was changed meanwhile
			m.ended.add(now)
		}
	}
	return moved, nil
}

// trim removes what is too old from the history.
func (m *mover) trim(ctx context.Context, now time.Time) {
	if m.history == nil {
		return
	}
	keep := history.Keep{Since: now.Add(-keepHistory), Surely: now.Add(-keepStopped), Records: keepRecords, Changes: keepChanges}
	if err := m.history.Trim(ctx, keep); err != nil && ctx.Err() == nil {
		m.service.log.Warn("the history of stopped tasks could not be trimmed, and will be tried again", "error", err)
	}
}
