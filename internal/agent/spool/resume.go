package spool

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// ErrComplete is returned for a spool to which nothing is added any more.
var ErrComplete = errors.New("log spool is complete")

// Ensure makes a spool in dir unless there is one, for Resume to write.
func Ensure(dir string, o Options) error {
	if firsts, err := segments(dir); err == nil && len(firsts) > 0 {
		return nil
	}
	w, err := Create(dir, o)
	if err != nil {
		return err
	}
	return w.Abandon()
}

// Kept is what a spool has of the lines that were written to it: who writes them from a source that can be read again goes
// on from there.
type Kept struct {
	Oldest time.Time // of the lines that are still there; zero when none is
	Last   map[Stream]Last
}

// Last is where a stream's lines end: the time of the latest one, and how many of them have it.
type Last struct {
	Time  time.Time
	Count int
}

// Add notes a line.
func (k *Kept) Add(l Line) {
	if k.Last == nil {
		k.Last, k.Oldest = map[Stream]Last{}, l.Time
	}
	last := k.Last[l.Stream]
	if !l.Time.Equal(last.Time) {
		last = Last{Time: l.Time}
	}
	last.Count++
	k.Last[l.Stream] = last
}

// Resume goes on writing a spool whose writer has died or abandoned it. ErrComplete: it was closed. fs.ErrNotExist: there is
// none.
func Resume(dir string, o Options) (*Writer, Kept, error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	w := &Writer{dir: dir, maxBytes: max(o.MaxBytes, 64<<10), nonBlocking: o.NonBlocking}
	kept, err := w.resume()
	if err != nil {
		return nil, kept, fmt.Errorf("resume log spool: %w", err)
	}
	return w, kept, nil
}

func (w *Writer) resume() (kept Kept, err error) {
	firsts, err := segments(w.dir)
	if err != nil {
		return kept, err
	}
	if len(firsts) == 0 {
		return kept, os.ErrNotExist
	}
	for i, first := range firsts {
		s := segment{first: first}
		if s.size, err = w.count(s, &kept); err != nil {
			return kept, err
		}
		if i < len(firsts)-1 {
			w.old = append(w.old, s)
		} else {
			w.active = s
		}
	}
	if w.data, err = openBell(w.dir, dataBell); err != nil {
		return kept, err
	}
	if w.room, err = openBell(w.dir, roomBell); err == nil {
		w.file, err = os.OpenFile(segmentPath(w.dir, w.active.first), os.O_WRONLY, 0)
	}
	if err == nil {
		err = w.file.Truncate(w.active.size) // a record that was being written
	}
	if err != nil {
		w.data.close()
		w.room.close()
	}
	return kept, err
}

// count reads a segment, notes its lines and returns the size of those that are whole.
func (w *Writer) count(s segment, kept *Kept) (size int64, err error) {
	content, err := os.ReadFile(segmentPath(w.dir, s.first))
	if err != nil {
		return 0, err
	}
	w.offset = s.first
	for at := 0; ; {
		line, end, n, err := parseRecord(content[at:])
		if end {
			return 0, ErrComplete
		}
		if err != nil {
			return int64(at), nil
		}
		kept.Add(line)
		w.offset, at = line.Offset+1, at+n
	}
}

// Append writes lines, whose offsets it sets; none is longer than MaxLine. In blocking mode it waits for room.
// os.ErrClosed: the writer was closed or abandoned meanwhile, and none of those that it waited for was written.
func (w *Writer) Append(lines ...Line) error {
	if w.closing.Load() {
		return os.ErrClosed
	}
	return w.append(lines)
}

// Abandon closes the writer and leaves the spool as it is, for Resume. An Append that waits for room gives up.
func (w *Writer) Abandon() error {
	if w.closing.Swap(true) {
		return nil
	}
	w.room.close()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.data.close()
	return w.file.Close()
}
