// Package disk sees to it that a Berth never fills the disk that it lies on: what is asked for is refused while little room
// is left, so that there is enough to end tasks, to note what became of them, and to delete. The server, the log journal
// and `berth dev` ask it before they take on more.
package disk

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Reserve is how many bytes are kept free: the store and the journal write files of tens of megabytes, and end the process
// when they can't.
const Reserve = 128 << 20

// ErrFull is returned, wrapped, while the reserve is not free.
var ErrFull = errors.New("the disk is full")

// recheck is how long what was found out holds.
const recheck = 100 * time.Millisecond

// Guard watches the filesystem of a directory.
type Guard struct {
	dir     string
	reserve uint64

	mu      sync.Mutex
	checked time.Time
	err     error
}

// NewGuard returns a guard of the directory's filesystem. The directory need not exist yet when it is made.
func NewGuard(dir string, reserve uint64) *Guard { return &Guard{dir: dir, reserve: reserve} }

// Room returns ErrFull, wrapped with what to do, when less than the reserve is free.
func (g *Guard) Room() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := time.Now(); now.Sub(g.checked) >= recheck {
		g.checked, g.err = now, g.measure()
	}
	return g.err
}

func (g *Guard) measure() error {
	var fs unix.Statfs_t
	if err := unix.Statfs(g.dir, &fs); err != nil {
		return fmt.Errorf("measure the disk under %s: %w", g.dir, err)
	}
	if free := fs.Bavail * uint64(fs.Bsize); free < g.reserve {
		return fmt.Errorf("%w: %d MiB are free under %s and %d MiB have to be: stop tasks, remove images or delete other files there",
			ErrFull, free>>20, g.dir, g.reserve>>20)
	}
	return nil
}
