package lsm

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// logger passes on what Pebble has to say. Its running commentary is of no use to people; its fatal errors end the
// process, for after one of them nothing can be known about what is on disk.
type logger struct {
	name string
	log  *slog.Logger
}

func (l logger) Infof(string, ...any) {}

func (l logger) Errorf(format string, args ...any) {
	l.log.Error(l.name, "error", fmt.Sprintf(format, args...))
}

func (l logger) Fatalf(format string, args ...any) {
	panic(l.name + ": " + fmt.Sprintf(format, args...))
}

// Pebble tries what failed in the background, a flush on a full disk, again at once and without end.
const (
	retryAfter = 100 * time.Millisecond
	tellEvery  = 10 * time.Second
)

// patiently lets such a failure wait before it is tried again, and tells it now and then.
func patiently(name string, log *slog.Logger) func(error) {
	var told atomic.Int64 // unix nanoseconds
	return func(err error) {
		now, last := time.Now().UnixNano(), told.Load()
		if now-last >= int64(tellEvery) && told.CompareAndSwap(last, now) {
			log.Error(name+": work in the background failed and is tried again", "error", err)
		}
		time.Sleep(retryAfter)
	}
}
