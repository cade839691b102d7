package session

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/api/tcs"
)

// healthNews is the health of tasks that has changed and is not sent yet, by task.
type healthNews struct {
	mu    sync.Mutex
	tasks map[string]tcs.TaskHealth
	bell  chan struct{} // has one item while there is news
}

func newHealthNews() *healthNews { return &healthNews{bell: make(chan struct{}, 1)} }

func (n *healthNews) put(h tcs.TaskHealth) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.tasks == nil {
		n.tasks = map[string]tcs.TaskHealth{}
	}
	n.tasks[h.TaskArn] = h
	select {
	case n.bell <- struct{}{}:
	default:
	}
}

func (n *healthNews) take() []tcs.TaskHealth {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.tasks
	n.tasks = nil
	return slices.SortedFunc(maps.Values(all), func(a, b tcs.TaskHealth) int { return cmp.Compare(a.TaskArn, b.TaskArn) })
}

// HealthChanged tells the control plane of the health of a task, soon. While there is no connection nothing is lost: each
// begins with the health of all.
func (s *Session) HealthChanged(h tcs.TaskHealth) { s.news.put(h) }

// untilNext waits for the next round of telemetry, and sends what changes in the health of tasks until then. false says
// that ctx ended first.
func (s *Session) untilNext(ctx context.Context, l *link, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return true
		case <-ctx.Done():
			return false
		case <-s.news.bell:
			s.sendHealth(l, s.news.take())
		}
	}
}

// sendHealth sends the health of tasks, as many at a time as the ECS agent does.
func (s *Session) sendHealth(l *link, tasks []tcs.TaskHealth) {
	id := uuid.NewString()
	for len(tasks) > 0 {
		n := min(len(tasks), tasksInMetrics)
		l.send(&tcs.PublishHealthRequest{Timestamp: schema.At(time.Now()), Tasks: tasks[:n], Metadata: &tcs.HealthMetadata{
			Cluster: s.cluster(), ContainerInstance: s.instance(), MessageId: id, Fin: n == len(tasks)}})
		tasks = tasks[n:]
	}
}
