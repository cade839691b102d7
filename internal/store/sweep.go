package store

import (
	"container/heap"
	"errors"
	"time"
)

// sweep deletes tokens that have expired, until the DB closes. It holds no timer while there is no token.
func (db *DB) sweep() {
	rows, events := db.tokens.Watch(db.ctx)
	var due expiries
	for _, r := range rows {
		heap.Push(&due, expiry{r.Scope, r.ID, r.Value.Expires})
	}
	for {
		var timer <-chan time.Time
		if len(due) > 0 {
			timer = time.After(time.Until(due[0].at) + time.Second) // a moment later, many go together
		}
		select {
		case e, ok := <-events:
			if !ok {
				return
			}
			if e.New != nil {
				heap.Push(&due, expiry{e.New.Scope, e.New.ID, e.New.Value.Expires})
			}
		case <-timer:
			db.expire(due.past(time.Now()))
		}
	}
}

// expire deletes those of the tokens that are still as old as they were.
func (db *DB) expire(tokens []expiry) {
	_, err := UpdateEach(db.ctx, db, tokens, func(tx *Tx, e expiry) error {
		if t, ok := db.tokens.GetTx(tx, e.scope, e.id); ok && !t.Expires.After(e.at) {
			return db.tokens.Delete(tx, e.scope, e.id)
		}
		return nil
	})
	if err != nil && db.ctx.Err() == nil && !errors.Is(err, ErrClosed) {
		db.log.Warn("expired tokens stay until the next start", "tokens", len(tokens), "error", err)
	}
}

// expiry is when a token expires.
type expiry struct {
	scope Scope
	id    string
	at    time.Time
}

// expiries is a heap of them, the next one first.
type expiries []expiry

func (h expiries) Len() int           { return len(h) }
func (h expiries) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h expiries) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *expiries) Push(x any)        { *h = append(*h, x.(expiry)) }
func (h *expiries) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

// past takes out what is due by now.
func (h *expiries) past(now time.Time) (due []expiry) {
	for len(*h) > 0 && !(*h)[0].at.After(now) {
		due = append(due, heap.Pop(h).(expiry))
	}
	return due
}
