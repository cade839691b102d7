package journal

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// disk refuses appends while little room is left: Pebble ends the process when its log can't be written, and needs room
// to compact before it can give any back.
type disk struct {
	dir string

	mu      sync.Mutex
	checked time.Time
	err     error
}

const (
	diskReserve = 128 << 20
	diskRecheck = time.Second
)

// room returns ErrNoSpace, wrapped, when appends are to be refused.
func (d *disk) room() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now := time.Now(); now.Sub(d.checked) >= diskRecheck {
		d.checked, d.err = now, d.measure()
	}
	return d.err
}

func (d *disk) measure() error {
	var fs unix.Statfs_t
	if err := unix.Statfs(d.dir, &fs); err != nil {
		return fmt.Errorf("journal: measure %s: %w", d.dir, err)
	}
	if free := fs.Bavail * uint64(fs.Bsize); free < diskReserve {
		return fmt.Errorf("%w: %d MiB left under %s, %d MiB are kept free", ErrNoSpace, free>>20, d.dir, diskReserve>>20)
	}
	return nil
}
