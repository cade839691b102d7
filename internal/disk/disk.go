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

const (
	// recheck is how long what was found out holds, and for how many bytes taken meanwhile.
	recheck, recheckBytes = 100 * time.Millisecond, 4 << 20
	// landing is how long bytes that were taken may be on their way to the disk.
	landing = 200 * time.Millisecond
)

// Guard watches the filesystem of a directory.
type Guard struct {
	dir     string
	reserve uint64

	mu      sync.Mutex
	checked time.Time
	err     error

	unmeasured      uint64 // bytes taken since the last measurement
	recent, earlier uint64 // bytes taken since turned, and for as long before
	turned          time.Time
}

// NewGuard returns a guard of the directory's filesystem. The directory need not exist yet when it is made.
func NewGuard(dir string, reserve uint64) *Guard { return &Guard{dir: dir, reserve: reserve} }

// Room returns ErrFull, wrapped with what to do, when less than the reserve is free.
func (g *Guard) Room() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := time.Now(); now.Sub(g.checked) >= recheck || g.unmeasured >= recheckBytes {
		g.turn(now)
		g.checked, g.err, g.unmeasured = now, g.measure(), 0
	}
	return g.err
}

// Take tells of bytes that are written under the directory, so that a burst does not outrun the measurements.
func (g *Guard) Take(bytes int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.turn(time.Now())
	g.unmeasured += uint64(bytes)
	g.recent += uint64(bytes)
}

// turn forgets what was taken so long ago that it shows in what is free. The caller holds mu.
func (g *Guard) turn(now time.Time) {
	switch passed := now.Sub(g.turned); {
	case passed >= 2*landing:
		g.earlier, g.recent, g.turned = 0, 0, now
	case passed >= landing:
		g.earlier, g.recent, g.turned = g.recent, 0, now
	}
}

func (g *Guard) measure() error {
	var fs unix.Statfs_t
	if err := unix.Statfs(g.dir, &fs); err != nil {
		return fmt.Errorf("measure the disk under %s: %w", g.dir, err)
	}
	if free, need := fs.Bavail*uint64(fs.Bsize), g.reserve+g.earlier+g.recent; free < need {
		return fmt.Errorf("%w: %d MiB are free under %s and %d MiB have to be: stop tasks, remove images or delete other files there",
			ErrFull, free>>20, g.dir, need>>20)
	}
	return nil
}
