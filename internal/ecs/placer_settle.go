package ecs

import (
	"slices"
	"time"

	"github.com/berth-dev/berth/internal/store"
)

// How the reservations of launches end. One that is not committed is dropped at once, and one that is becomes the task's
// when the ledger sees it in the store. It may never see it there: a watch that falls behind leaves out what has come and
// gone. What is still reserved a while after its launch is therefore looked up.

const (
	settleEvery = 5 * time.Second
	// doubtful is how long a commit of unknown outcome may take.
	doubtful = time.Minute
)

// settling is a reservation whose launch is over.
type settling struct {
	scope store.Scope
	task  string
	from  time.Time // when the store has the last word
}

// drop ends the reservations of placements that were not committed.
func (p *placer) drop(tasks []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, task := range tasks {
		p.ledger.Drop(task)
	}
}

// leave leaves reservations to the store, which after so long has the tasks or never will.
func (p *placer) leave(scope store.Scope, tasks []string, after time.Duration) {
	from := time.Now().Add(after)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, task := range tasks {
		if p.ledger.Held(task) {
			p.settling = append(p.settling, settling{scope, task, from})
		}
	}
}

// settle ends the reservations of tasks that are not in the store, or hold nothing any more.
func (p *placer) settle(now time.Time) {
	p.mu.Lock()
	p.settling = slices.DeleteFunc(p.settling, func(s settling) bool { return !p.ledger.Held(s.task) })
	due := slices.Clone(p.settling)
	p.mu.Unlock()
	var over []string
	for _, s := range due {
		if row, ok := p.service.Tasks.Get(s.scope, s.task); !s.from.After(now) && (!ok || !row.Value.Status.Live()) {
			over = append(over, s.task)
		}
	}
	p.drop(over)
}
