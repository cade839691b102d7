package store

import (
	"bytes"
	"context"
	"sync"
)

// job is a transaction's mutation on its way to the backend.
type job struct {
	ctx      context.Context
	guard    *Compare
	mutation Mutation
	rows     map[string]*row // what the mutation writes, with values, by key; nil rows for deletions
	bytes    int
	done     chan verdict
}

// verdict is what became of a job.
type verdict struct {
	revision int64 // at which it was applied, or from which on a retry sees why it was not
	applied  bool
	err      error
}

// queue groups the jobs that arrive while a batch is with the backend into the next one.
type queue struct {
	mu       sync.Mutex
	closed   error // why no job is taken any more
	waiting  []*job
	underWay map[*batch]struct{}
	// writing are the rows now with the backend, by key, so that the feed need not decode what this process has encoded.
	writing map[string]*row
	sending sync.WaitGroup // the goroutines of the batches under way
}

// commit has a job done. When ctx ends before the job left for the backend, nothing is changed; after that it is in doubt.
func (db *DB) commit(ctx context.Context, j *job) verdict {
	j.ctx = ctx
	j.done = make(chan verdict, 1)
	q := &db.queue
	q.mu.Lock()
	if err := q.closed; err != nil {
		q.mu.Unlock()
		return verdict{err: err}
	}
	q.waiting = append(q.waiting, j)
	db.dispatch()
	q.mu.Unlock()
	select {
	case v := <-j.done:
		return v
	case <-ctx.Done():
		return q.abandon(j)
	}
}

// abandon takes a job back whose caller has gone.
func (q *queue) abandon(j *job) verdict {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, w := range q.waiting {
		if w == j {
			q.waiting = append(q.waiting[:i:i], q.waiting[i+1:]...)
			return verdict{err: context.Cause(j.ctx)}
		}
	}
	select {
	case v := <-j.done:
		return v
	default:
		return verdict{err: inDoubt(context.Cause(j.ctx))}
	}
}

// dispatch sends batches while there are jobs that may go and the backend may take more. The queue is locked.
func (db *DB) dispatch() {
	q := &db.queue
	for len(q.underWay) < batchesUnderWay {
		b := q.next()
		if b == nil {
			return
		}
		if q.underWay == nil {
			q.underWay = map[*batch]struct{}{}
			q.writing = map[string]*row{}
		}
		q.underWay[b] = struct{}{}
		for _, j := range b.jobs {
			for key, r := range j.rows {
				q.writing[key] = r
			}
		}
		q.sending.Go(func() { db.run(b) })
	}
}

// run commits a batch and answers its jobs when what they wrote shows.
func (db *DB) run(b *batch) {
	out, err := db.backend.Commit(db.ctx, b.batch())
	b.settle(out, err)

	q := &db.queue
	q.mu.Lock()
	delete(q.underWay, b)
	q.overtake(b)
	db.dispatch()
	q.mu.Unlock()

	if err == nil {
		err = db.seen.wait(db.ctx, out.Revision)
	}
	q.mu.Lock()
	for _, j := range b.jobs {
		for key, r := range j.rows {
			if q.writing[key] == r {
				delete(q.writing, key)
			}
		}
	}
	q.mu.Unlock()
	for i, j := range b.jobs {
		v := b.verdicts[i]
		if v.err == nil {
			v.err = err
		}
		j.done <- v
	}
}

// overtake answers the jobs that wait with what a finished batch has made of the rows they read: they would only fail later.
func (q *queue) overtake(b *batch) {
	if len(q.waiting) == 0 {
		return
	}
	written := map[string]struct{}{}
	var revision int64
	for i, j := range b.jobs {
		if v := b.verdicts[i]; v.applied {
			revision = v.revision
			for _, w := range j.mutation.Writes {
				written[w.Key] = struct{}{}
			}
		}
	}
	kept := q.waiting[:0]
	for _, j := range q.waiting {
		if j.reads(written, revision) {
			j.done <- verdict{revision: revision}
		} else {
			kept = append(kept, j)
		}
	}
	clear(q.waiting[len(kept):])
	q.waiting = kept
}

// reads says whether the job has read one of these keys as it was before revision.
func (j *job) reads(keys map[string]struct{}, revision int64) bool {
	for _, c := range j.mutation.Compares {
		if _, ok := keys[c.Key]; ok && !c.Prefix && c.Revision < revision {
			return true
		}
	}
	return false
}

// sent is the row that this process has just written with this item, nil when it didn't.
func (q *queue) sent(item Item, keepText bool) *row {
	q.mu.Lock()
	r := q.writing[item.Key]
	q.mu.Unlock()
	if r == nil || !bytes.Equal(r.raw, item.Value) {
		return nil
	}
	shown := *r
	shown.revision = item.Revision
	if !keepText && !r.foreign {
		shown.raw = nil
	}
	return &shown
}

// close refuses every job that is not under way, for that reason.
func (q *queue) close(why error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed == nil {
		q.closed = why
	}
	for _, j := range q.waiting {
		j.done <- verdict{err: why}
	}
	q.waiting = nil
}
