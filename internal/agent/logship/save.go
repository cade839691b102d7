package logship

import (
	"time"

	"github.com/berth-dev/berth/internal/agent/db"
)

// When the offset is saved: after so many bytes, or when nothing was printed for so long.
const (
	saveBytes = 256 << 10
	saveIdle  = 200 * time.Millisecond
)

// save writes down how far the output is shipped, then lets the spool forget it.
func (f *follower) save() error {
	f.unsaved = 0
	if f.shipped == f.saved {
		return nil
	}
	var b db.Batch
	b.PutOffset(f.source.Task, f.source.Container, int64(f.shipped))
	if err := f.Offsets.Write(f.ctx, b); err != nil {
		return err
	}
	f.saved = f.shipped
	return f.spool.Release(f.saved)
}

// tellLost tells of lines that the spool dropped since the last time.
func (f *follower) tellLost() {
	if lost := f.spool.Lost(); lost > f.lost {
		f.complaint.about(lost-f.lost, "a container printed faster than its output could be shipped: lines were dropped", nil)
		f.lost = lost
	}
}
