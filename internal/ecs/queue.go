package ecs

import (
	"sync"
	"time"
)

// queue holds keys to be worked on. A key is in it once, however often it is added, and is worked on by one worker at a
// time: added meanwhile, it comes again afterwards.
type queue[K comparable] struct {
	mu      sync.Mutex
	some    sync.Cond
	waiting []K
	queued  map[K]bool
	busy    map[K]bool
	again   map[K]bool // added while busy
	failed  map[K]int  // tries in a row
	closed  bool
}

func newQueue[K comparable]() *queue[K] {
	q := &queue[K]{queued: map[K]bool{}, busy: map[K]bool{}, again: map[K]bool{}, failed: map[K]int{}}
	q.some.L = &q.mu
	return q
}

func (q *queue[K]) add(key K) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed || q.queued[key]:
	case q.busy[key]:
		q.again[key] = true
	default:
		q.queued[key] = true
		q.waiting = append(q.waiting, key)
		q.some.Signal()
	}
}

// take waits for a key, which the caller gives back by done or retry. ok is false once the queue is closed.
func (q *queue[K]) take() (key K, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 && !q.closed {
		q.some.Wait()
	}
	if q.closed {
		return key, false
	}
	key = q.waiting[0]
	q.waiting = q.waiting[1:]
	delete(q.queued, key)
	q.busy[key] = true
	return key, true
}

// done ends the work on a key.
func (q *queue[K]) done(key K) {
	q.mu.Lock()
	again := q.again[key]
	delete(q.busy, key)
	delete(q.again, key)
	delete(q.failed, key)
	q.mu.Unlock()
	if again {
		q.add(key)
	}
}

// The shortest and longest time between two tries of a key.
const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = 30 * time.Second
)

// retry ends the work on a key that failed, and adds it again after a while that grows with every failure.
func (q *queue[K]) retry(key K) {
	q.mu.Lock()
	n := min(q.failed[key], 16)
	q.failed[key] = n + 1
	delete(q.busy, key)
	delete(q.again, key)
	q.mu.Unlock()
	time.AfterFunc(min(firstRetry<<n, lastRetry), func() { q.add(key) })
}

func (q *queue[K]) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.some.Broadcast()
}
