// Package usage keeps, in memory, what tasks used last: internal/ecs/dispatch records what agents measured, and
// internal/server shows it. It is a view of the present: nothing of it is stored, and a server that starts knows nothing
// until agents tell again, which they do every twenty seconds.
package usage

import (
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/store"
)

// Task is what a task's containers used in the last period that its agent told of, about twenty seconds.
type Task struct {
	At         time.Time // when the agent told it
	Containers []Container
}

// Container is what one container used.
type Container struct {
	Name   string
	CPU    Set // of CPU units, 1024 a processor
	Memory Set // of MiB, without what the kernel would give back
	// Network is nil for a container without a network of its own. In network mode awsvpc it is its part of the task's.
	Network *Network
	// Read and Written are bytes from and to block devices since the container started.
	Read, Written uint64
	// Restarts is how often its restart policy started it again in the period.
	Restarts int32
}

// Network is what passed over a container's interfaces.
type Network struct {
	Received, Sent         uint64 // bytes since the container started
	ReceivedRate, SentRate Set    // of bytes per second
}

// Set is of values that were measured in a period.
type Set struct {
	Min, Max, Sum float64
	Count         int32
}

// Mean is 0 for a set of nothing.
func (s Set) Mean() float64 {
	if s.Count == 0 {
		return 0
	}
	return s.Sum / float64(s.Count)
}

// keptFor is how long what a task used is known: several of the agents' periods.
const keptFor = 2 * time.Minute

// Book holds the latest of each task. What is not renewed is forgotten after a while, so that it holds as many tasks as run.
// Its methods may be called at the same time.
type Book struct {
	mu    sync.Mutex
	tasks map[key]Task
	swept time.Time
}

type key struct {
	scope store.Scope
	task  string
}

// NewBook returns an empty book.
func NewBook() *Book { return &Book{tasks: map[key]Task{}} }

// Record keeps what a task used, in place of what it used before.
func (b *Book) Record(scope store.Scope, task string, used Task) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tasks[key{scope, task}] = used
	now := time.Now()
	if now.Sub(b.swept) < keptFor {
		return
	}
	b.swept = now
	for k, t := range b.tasks {
		if now.Sub(t.At) >= keptFor {
			delete(b.tasks, k)
		}
	}
}

// Latest returns what a task used last. ok is false when that is not known, or of long ago.
func (b *Book) Latest(scope store.Scope, task string) (used Task, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	used, ok = b.tasks[key{scope, task}]
	return used, ok && time.Since(used.At) < keptFor
}
