package ecs

import (
	"container/heap"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/store"
)

// endings are the stopped tasks that are in the state, the one that stopped first in front. The recorder adds them, the mover
// takes them out.
type endings struct {
	crowded chan struct{} // holds one when there were more than may stay
	mu      sync.Mutex
	queue   endingQueue
}

func newEndings() *endings { return &endings{crowded: make(chan struct{}, 1)} }

// ending is a stopped task.
type ending struct {
	taskKey
	at time.Time
}

func (e *endings) add(row store.Row[Task]) {
	e.mu.Lock()
	defer e.mu.Unlock()
	heap.Push(&e.queue, ending{taskKey{row.Scope, row.ID}, row.Value.StoppedAt})
}

// look wakes the mover if there are more than may stay.
func (e *endings) look() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.queue) <= keepNear {
		return
	}
	select {
	case e.crowded <- struct{}{}:
	default:
	}
}

// take takes out up to n that are due. due is told how many there are, and when the first of them stopped.
func (e *endings) take(n int, due func(left int, first time.Time) bool) (taken []ending) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(taken) < n && len(e.queue) > 0 && due(len(e.queue), e.queue[0].at) {
		taken = append(taken, heap.Pop(&e.queue).(ending))
	}
	return taken
}

// putBack returns what was taken and not moved.
func (e *endings) putBack(back ...ending) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, one := range back {
		heap.Push(&e.queue, one)
	}
}

// endingQueue is a heap by time.
type endingQueue []ending

func (q endingQueue) Len() int           { return len(q) }
func (q endingQueue) Less(i, j int) bool { return q[i].at.Before(q[j].at) }
func (q endingQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *endingQueue) Push(x any)        { *q = append(*q, x.(ending)) }
func (q *endingQueue) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}
