package service

import (
	"container/heap"
	"sync"
	"time"
)

// agenda is what is to be looked at, and when: keys that are due, each once and in order, and keys that become due at a time.
// All of those share one timer, so what rests costs nothing. A key is taken by one worker at a time; added meanwhile, it
// comes again afterwards.
type agenda[K comparable] struct {
	mu      sync.Mutex
	some    sync.Cond
	waiting []K
	entries map[K]*entry[K]
	later   alarms[K]
	timer   *time.Timer
	closed  bool
}

// entry is what is known of a key.
type entry[K comparable] struct {
	key                 K
	queued, busy, again bool
	failed              int       // tries in a row
	at                  time.Time // when it becomes due; zero: nothing is planned
	place               int       // among the alarms
}

func newAgenda[K comparable]() *agenda[K] {
	a := &agenda[K]{entries: map[K]*entry[K]{}}
	a.some.L = &a.mu
	a.timer = time.AfterFunc(time.Hour, a.ring)
	return a
}

func (a *agenda[K]) entry(key K) *entry[K] {
	e := a.entries[key]
	if e == nil {
		e = &entry[K]{key: key}
		a.entries[key] = e
	}
	return e
}

// add makes a key due.
func (a *agenda[K]) add(key K) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.push(a.entry(key))
}

func (a *agenda[K]) push(e *entry[K]) {
	switch {
	case e.busy:
		e.again = true
	case !e.queued:
		e.queued = true
		a.waiting = append(a.waiting, e.key)
		a.some.Signal()
	}
}

// after makes a key due after a while, in place of whatever was planned for it.
func (a *agenda[K]) after(key K, while time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.plan(a.entry(key), time.Now().Add(while))
}

func (a *agenda[K]) plan(e *entry[K], at time.Time) {
	planned := !e.at.IsZero()
	e.at = at
	if planned {
		heap.Fix(&a.later, e.place)
	} else {
		heap.Push(&a.later, e)
	}
	a.set()
}

// set sets the timer to the first alarm.
func (a *agenda[K]) set() {
	if len(a.later) > 0 && !a.closed {
		a.timer.Reset(time.Until(a.later[0].at))
	}
}

// ring makes due what was planned for now.
func (a *agenda[K]) ring() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.later) > 0 && time.Until(a.later[0].at) <= 0 {
		e := heap.Pop(&a.later).(*entry[K])
		e.at = time.Time{}
		a.push(e)
	}
	a.set()
}

// take waits for a key that is due, which the caller gives back by done or retry. ok is false once the agenda is closed.
func (a *agenda[K]) take() (key K, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.waiting) == 0 && !a.closed {
		a.some.Wait()
	}
	if a.closed {
		return key, false
	}
	key = a.waiting[0]
	a.waiting = a.waiting[1:]
	e := a.entries[key]
	e.queued, e.busy = false, true
	if !e.at.IsZero() { // it is looked at now: whoever does plans anew
		heap.Remove(&a.later, e.place)
		e.at = time.Time{}
	}
	return key, true
}

// done ends the work on a key. What was added meanwhile is due after a while.
func (a *agenda[K]) done(key K, while time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.entries[key]
	again := e.again
	e.busy, e.again, e.failed = false, false, 0
	switch {
	case again && while > 0:
		if at := time.Now().Add(while); e.at.IsZero() || at.Before(e.at) {
			a.plan(e, at)
		}
	case again:
		a.push(e)
	case e.at.IsZero():
		delete(a.entries, key)
	}
}

// The shortest and longest time between two tries of a key.
const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = 30 * time.Second
)

// retry ends the work on a key that failed, and makes it due after a while that grows with every failure.
func (a *agenda[K]) retry(key K) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.entries[key]
	while := min(firstRetry<<min(e.failed, 16), lastRetry)
	e.failed++
	e.busy, e.again = false, false
	a.plan(e, time.Now().Add(while))
}

func (a *agenda[K]) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	a.timer.Stop()
	a.some.Broadcast()
}

// alarms are the entries that become due, the first one first: a heap.
type alarms[K comparable] []*entry[K]

func (l alarms[K]) Len() int           { return len(l) }
func (l alarms[K]) Less(i, j int) bool { return l[i].at.Before(l[j].at) }
func (l alarms[K]) Swap(i, j int) {
	l[i], l[j] = l[j], l[i]
	l[i].place, l[j].place = i, j
}
func (l *alarms[K]) Push(x any) {
	e := x.(*entry[K])
	e.place = len(*l)
	*l = append(*l, e)
}
func (l *alarms[K]) Pop() any {
	e := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return e
}
