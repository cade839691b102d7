package ecs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/ecs/history"
	"github.com/berth-dev/berth/internal/store"
)

// Reading what is in the state and in the history as if it were in one place. A task on its way between the two is in both, and
// never in neither: so whoever reads the state first and the history then finds it, and takes it once.

// The kinds of keys by which the history finds stopped tasks. A key is a kind and what stands behind it, joined by slashes.
const (
	pastByCluster    = "cluster"    // cluster
	pastByLaunchType = "launchType" // cluster, launch type
	pastByInstance   = "instance"   // instance
	pastByFamily     = "family"     // cluster, family
	pastByRevision   = "revision"   // cluster, family:number
	pastByStartedBy  = "startedBy"  // cluster, startedBy
	pastByGroup      = "group"      // cluster, group
)

func pastKey(parts ...string) string { return strings.Join(parts, "/") }

// pastKeys are the keys of a task. Later releases may add kinds, and never find by them what earlier ones kept.
func pastKeys(t *Task) []string {
	keys := []string{
		pastKey(pastByCluster, t.Cluster), pastKey(pastByLaunchType, t.Cluster, string(t.LaunchType)), pastKey(pastByInstance, t.Instance),
		pastKey(pastByFamily, t.Cluster, t.Definition.Family), pastKey(pastByRevision, t.Cluster, t.Definition.String()), pastKey(pastByGroup, t.Cluster, t.Group),
	}
	if t.StartedBy != "" {
		keys = append(keys, pastKey(pastByStartedBy, t.Cluster, t.StartedBy))
	}
	return keys
}

// TaskRecord is the record of a task, whether it is in the state or in the history; nil when there is none.
func (s *Service) TaskRecord(ctx context.Context, scope store.Scope, id string) (*Task, error) {
	if row, ok := s.Tasks.Get(scope, id); ok {
		return row.Value, nil
	}
	if s.config.History == nil {
		return nil, nil
	}
	r, err := s.config.History.Get(ctx, scope, id)
	if errors.Is(err, history.ErrNone) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read task %s from the history: %w", id, err)
	}
	return pastTask(r)
}

// pastTask is the task of a record of the history.
func pastTask(r history.Record) (*Task, error) {
	t := new(Task)
	if err := json.Unmarshal(r.Value, t); err != nil {
		return nil, fmt.Errorf("read task %s from the history: %w", r.ID, err)
	}
	return t, nil
}

// withPast adds to a page of the state's tasks those that the history has under a key. next is what the state's page gave.
func (s *Service) withPast(ctx context.Context, scope store.Scope, key string, page store.Page, rows []store.Row[Task], next string) ([]store.Row[Task], string, error) {
	if s.config.History == nil {
		return rows, next, nil
	}
	more := false
	found := 0
	for r, err := range s.config.History.Find(ctx, scope, key, page.After) {
		if err != nil {
			return nil, "", fmt.Errorf("list the tasks of the history: %w", err)
		}
		if more = page.Limit > 0 && found == page.Limit; more {
			break
		}
		found++
		t, err := pastTask(r)
		if err != nil {
			return nil, "", err
		}
		rows = append(rows, store.Row[Task]{Scope: scope, ID: r.ID, Value: t})
	}
	slices.SortStableFunc(rows, func(a, b store.Row[Task]) int { return strings.Compare(a.ID, b.ID) })
	rows = slices.CompactFunc(rows, func(a, b store.Row[Task]) bool { return a.ID == b.ID })
	if page.Limit > 0 && len(rows) > page.Limit {
		rows, more = rows[:page.Limit], true
	}
	if more || next != "" {
		next = rows[len(rows)-1].ID
	}
	return rows, next, nil
}

// ForgetPast empties the history, at a reset: after the state.
func (s *Service) ForgetPast(ctx context.Context) error {
	if s.config.History == nil {
		return nil
	}
	s.moving.Lock()
	defer s.moving.Unlock()
	return s.config.History.Clear(ctx)
}
