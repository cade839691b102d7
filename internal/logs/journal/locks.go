package journal

import (
	"hash/maphash"
	"sync"
)

// locks orders the changes of one stream. A lock is held across a sync, so there are many: two streams seldom share one.
type locks struct {
	seed    maphash.Seed
	stripes [1024]sync.Mutex
}

type lockName struct {
	group GroupID
	name  string
}

// lock locks a stream and returns what unlocks it.
func (l *locks) lock(group GroupID, name string) (unlock func()) {
	mu := &l.stripes[maphash.Comparable(l.seed, lockName{group, name})%uint64(len(l.stripes))]
	mu.Lock()
	return mu.Unlock
}

// lockAll locks every stream.
func (l *locks) lockAll() (unlock func()) {
	for i := range l.stripes {
		l.stripes[i].Lock()
	}
	return func() {
		for i := range l.stripes {
			l.stripes[i].Unlock()
		}
	}
}
