package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultMaxBytes is the bound of a spool whose Options name none.
const DefaultMaxBytes = 16 << 20

// retryAfter is how long a disk that took no lines is left alone.
const retryAfter = 100 * time.Millisecond

// Options of a spool.
type Options struct {
	// MaxBytes bounds what is kept and not yet released; 0 is DefaultMaxBytes, and less than 64 KiB is 64 KiB.
	// It is kept to within one segment, which is an eighth of it.
	MaxBytes int64
	// NonBlocking drops the oldest segment when the spool is full, and what a full disk doesn't take. Otherwise Copy waits for room.
	NonBlocking bool
}

// Writer writes a spool. What it has written survives SIGKILL of its process; it does not call fsync.
type Writer struct {
	dir         string
	maxBytes    int64
	nonBlocking bool
	data, room  bell
	closing     atomic.Bool

	mu     sync.Mutex
	offset uint64 // of the next line
	old    []segment
	active segment
	file   *os.File
	buf    []byte
}

type segment struct {
	first uint64
	size  int64
}

// Create makes a new spool in dir, and dir if need be.
func Create(dir string, o Options) (*Writer, error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	w := &Writer{dir: dir, maxBytes: max(o.MaxBytes, 64<<10), nonBlocking: o.NonBlocking}
	if err := w.open(); err != nil {
		return nil, fmt.Errorf("make log spool: %w", err)
	}
	return w, nil
}

func (w *Writer) open() (err error) {
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		return err
	}
	if w.data, err = openBell(w.dir, dataBell); err != nil {
		return err
	}
	if w.room, err = openBell(w.dir, roomBell); err != nil {
		w.data.close()
		return err
	}
	if w.file, err = os.OpenFile(segmentPath(w.dir, 0), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err != nil {
		w.data.close()
		w.room.close()
	}
	return err
}

// append writes lines, whose offsets it sets. It returns errors only of a spool that is closing. For lines that the disk
// doesn't take it waits in blocking mode, until the spool closes; otherwise they are lost and counted, as a container must
// not die of its logs.
func (w *Writer) append(lines []Line) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range lines {
		if w.active.size+int64(len(w.buf)) >= w.maxBytes/8 {
			if err := w.rotate(); err != nil {
				return err
			}
		}
		l.Offset = w.offset
		w.buf = appendRecord(w.buf, l, false)
		w.offset++
	}
	w.flush()
	return nil
}

// flush writes the buffered records and wakes the reader.
func (w *Writer) flush() {
	if len(w.buf) == 0 {
		return
	}
	for {
		n, err := w.file.WriteAt(w.buf, w.active.size)
		if err != nil {
			// The reader may have read the records that are there whole. How many they are the file alone tells.
			end, _ := w.file.Seek(0, io.SeekEnd)
			n = wholeRecords(w.buf[:max(end-w.active.size, 0)])
			w.file.Truncate(w.active.size + int64(n))
		}
		w.active.size += int64(n)
		w.buf = w.buf[:copy(w.buf, w.buf[n:])]
		if err == nil || w.nonBlocking || w.closing.Load() {
			break
		}
		if n > 0 {
			w.data.ring()
		}
		time.Sleep(retryAfter)
	}
	w.buf = w.buf[:0]
	w.data.ring()
}

// rotate begins a new segment, after making room for it.
func (w *Writer) rotate() error {
	w.flush()
	if err := w.makeRoom(); err != nil {
		return err
	}
	file, err := os.OpenFile(segmentPath(w.dir, w.offset), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil // the active segment grows until the disk takes a new one
	}
	w.file.Close()
	w.file = file
	w.old = append(w.old, w.active)
	w.active = segment{first: w.offset}
	return nil
}

// makeRoom returns once the segments leave room for one more.
func (w *Writer) makeRoom() error {
	for w.held()+w.maxBytes/8 > w.maxBytes {
		if w.forgetReleased(); w.held()+w.maxBytes/8 <= w.maxBytes || len(w.old) == 0 {
			return nil
		}
		if w.nonBlocking {
			removeSegment(w.dir, w.old[0].first)
			w.old = w.old[1:]
			continue
		}
		if w.closing.Load() {
			return os.ErrClosed
		}
		if err := w.room.wait(context.Background()); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) held() int64 {
	total := w.active.size
	for _, s := range w.old {
		total += s.size
	}
	return total
}

// forgetReleased drops the segments that the reader has deleted.
func (w *Writer) forgetReleased() {
	for len(w.old) > 0 {
		if _, err := os.Lstat(segmentPath(w.dir, w.old[0].first)); !errors.Is(err, os.ErrNotExist) {
			return
		}
		w.old = w.old[1:]
	}
}

// Close marks the spool complete, so that its reader comes to an end. A Copy that waits for room gives up.
func (w *Writer) Close() error {
	if w.closing.Swap(true) {
		return nil
	}
	w.room.close()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = appendRecord(w.buf, Line{Offset: w.offset, Time: time.Now()}, true)
	w.flush()
	w.data.close()
	return w.file.Close()
}
