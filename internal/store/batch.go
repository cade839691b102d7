package store

import (
	"fmt"
	"strings"
)

// batch is a group of jobs that commit together.
type batch struct {
	guard    *Compare
	jobs     []*job
	ops      int
	bytes    int
	verdicts []verdict
}

// footprint is what jobs read and write, by key.
type footprint struct {
	reads, writes map[string]struct{}
	prefixes      []string
}

func (f *footprint) add(j *job) {
	if f.writes == nil {
		f.reads, f.writes = map[string]struct{}{}, map[string]struct{}{}
	}
	for _, c := range j.mutation.Compares {
		if c.Prefix {
			f.prefixes = append(f.prefixes, c.Key)
		} else {
			f.reads[c.Key] = struct{}{}
		}
	}
	for _, w := range j.mutation.Writes {
		f.writes[w.Key] = struct{}{}
	}
}

// feeds says whether the job reads or writes what f writes.
func (f *footprint) feeds(j *job) bool {
	if len(f.writes) == 0 {
		return false
	}
	for _, c := range j.mutation.Compares {
		if c.Prefix {
			for key := range f.writes {
				if strings.HasPrefix(key, c.Key) {
					return true
				}
			}
		} else if _, ok := f.writes[c.Key]; ok {
			return true
		}
	}
	for _, w := range j.mutation.Writes {
		if _, ok := f.writes[w.Key]; ok {
			return true
		}
	}
	return false
}

// starves says whether the job writes what f reads.
func (f *footprint) starves(j *job) bool {
	for _, w := range j.mutation.Writes {
		if _, ok := f.reads[w.Key]; ok {
			return true
		}
		for _, prefix := range f.prefixes {
			if strings.HasPrefix(w.Key, prefix) {
				return true
			}
		}
	}
	return false
}

// next takes the jobs of the next batch out of the queue: those that wait longest, as many as the limits allow, nil when there is none.
//
// A backend makes all compares of a batch before its first write, and refuses two writes of one key. So a job that reads or writes what an
// earlier one of the batch writes goes to a later batch (otherwise two jobs could each miss the other's write). The same holds against
// batches under way. No job overtakes one that was put off for sharing a key with it.
func (q *queue) next() *batch {
	if len(q.waiting) == 0 {
		return nil
	}
	var busy, putOff footprint
	for other := range q.underWay {
		for _, j := range other.jobs {
			busy.add(j)
		}
	}
	b := &batch{}
	var left []*job
	for i, j := range q.waiting {
		if b.full(j) {
			left = append(left, q.waiting[i:]...)
			break
		}
		if len(b.jobs) > 0 && !b.suits(j) || busy.feeds(j) || putOff.feeds(j) || putOff.starves(j) {
			putOff.add(j)
			left = append(left, j)
			continue
		}
		b.take(j)
		busy.add(j)
	}
	q.waiting = left
	if len(b.jobs) == 0 {
		return nil
	}
	return b
}

// suits says whether the job may join the others: under the same guard, and not what a full disk refuses with what it does not.
func (b *batch) suits(j *job) bool {
	return sameGuard(b.guard, j.guard) && b.jobs[0].mutation.grows() == j.mutation.grows()
}

func (b *batch) full(j *job) bool {
	return len(b.jobs) > 0 && (b.ops+j.ops() > batchOps || b.bytes+j.bytes > batchBytes)
}

func (b *batch) take(j *job) {
	b.guard = j.guard
	b.jobs = append(b.jobs, j)
	b.ops += j.ops()
	b.bytes += j.bytes
}

// ops counts what the backend counts: compares and writes each cost about the same.
func (j *job) ops() int { return max(len(j.mutation.Compares), len(j.mutation.Writes)) }

func sameGuard(a, b *Compare) bool {
	return a == b || a != nil && b != nil && *a == *b
}

func (b *batch) batch() Batch {
	out := Batch{Guard: b.guard, Mutations: make([]Mutation, len(b.jobs))}
	for i, j := range b.jobs {
		out.Mutations[i] = j.mutation
	}
	return out
}

// settle notes each job's verdict.
func (b *batch) settle(out Outcome, err error) {
	b.verdicts = make([]verdict, len(b.jobs))
	for i := range b.jobs {
		switch {
		case err != nil:
			b.verdicts[i].err = err
		case out.Fenced:
			b.verdicts[i].err = ErrFenced
		default:
			b.verdicts[i] = verdict{revision: out.Revision, applied: out.Applied[i]}
		}
	}
}

func inDoubt(err error) error {
	return fmt.Errorf("%w: %w", ErrInDoubt, err)
}
