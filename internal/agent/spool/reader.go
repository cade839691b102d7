package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Reader reads a spool, also while it is written and after its writer's death. Its methods are called by one goroutine
// at a time, and a spool has one reader at a time.
type Reader struct {
	dir        string
	data, room bell
	next       uint64 // offset of the next line to return
	lost       uint64
	ended      bool

	file   *os.File // the segment being read; nil before the first
	first  uint64   // its first offset
	sealed bool     // a later segment exists: this one grows no more
	at     int64    // where in file the unparsed part of buf begins
	buf    []byte
	parsed int // bytes of buf that are done with
}

// Open opens the spool in dir to read from an offset on, such as the one after the last line that was shipped.
// fs.ErrNotExist: there is no spool.
func Open(dir string, from uint64) (*Reader, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("open log spool: %w", err)
	}
	data, err := openBell(dir, dataBell)
	if err != nil {
		return nil, fmt.Errorf("open log spool: %w", err)
	}
	room, err := openBell(dir, roomBell)
	if err != nil {
		data.close()
		return nil, fmt.Errorf("open log spool: %w", err)
	}
	return &Reader{dir: dir, data: data, room: room, next: from}, nil
}

// Read waits for lines and fills batch with as many as are there, at least one. It returns io.EOF after the last line of
// a complete spool; one whose writer died is completed by Seal. The lines' text stays valid.
func (r *Reader) Read(ctx context.Context, batch []Line) (int, error) {
	for {
		n, err := r.take(batch)
		switch {
		case n > 0 || err != nil:
			return n, err
		case r.ended:
			return 0, io.EOF
		}
		if err := r.data.wait(ctx); err != nil {
			return 0, err
		}
	}
}

// Lost returns how many lines were dropped, damaged or never written between the lines that Read returned.
func (r *Reader) Lost() uint64 { return r.lost }

// Release deletes the segments whose lines all come before an offset: they are shipped. A waiting writer goes on.
func (r *Reader) Release(before uint64) error {
	firsts, err := segments(r.dir)
	if err != nil {
		return fmt.Errorf("release log spool: %w", err)
	}
	for i := 1; i < len(firsts) && firsts[i] <= before; i++ {
		if err := removeSegment(r.dir, firsts[i-1]); err != nil {
			return fmt.Errorf("release log spool: %w", err)
		}
	}
	r.room.ring()
	return nil
}

// Close closes the reader; the spool stays.
func (r *Reader) Close() error {
	if r.file != nil {
		r.file.Close()
	}
	return errors.Join(r.data.close(), r.room.close())
}

// take fills batch with what is there now.
func (r *Reader) take(batch []Line) (n int, err error) {
	for n < len(batch) && !r.ended {
		line, end, err := r.parse()
		switch {
		case err == nil && end:
			r.skipTo(line.Offset)
			r.ended = true
		case err == nil && line.Offset < r.next: // before the place where reading began
		case err == nil:
			r.skipTo(line.Offset)
			line.Text = append([]byte(nil), line.Text...)
			batch[n] = line
			n++
			r.next = line.Offset + 1
		case errors.Is(err, errShort) || errors.Is(err, errCorrupt):
			if more, err := r.advance(); err != nil || !more {
				return n, err
			}
		default:
			return n, fmt.Errorf("read log spool: %w", err)
		}
	}
	return n, nil
}

// skipTo counts the lines that are missing before an offset.
func (r *Reader) skipTo(offset uint64) {
	if offset > r.next {
		r.lost += offset - r.next
		r.next = offset
	}
}

// parse returns the next record of the present segment, reading more of the file when the buffer holds only part of it.
func (r *Reader) parse() (Line, bool, error) {
	if r.file == nil {
		return Line{}, false, errShort
	}
	line, end, size, err := parseRecord(r.buf[r.parsed:])
	if err != nil {
		// A damaged record may be one that was not all there when it was read: read again from its start.
		if err := r.fill(); err != nil {
			return Line{}, false, err
		}
		line, end, size, err = parseRecord(r.buf)
	}
	r.parsed += size
	return line, end, err
}

// fill reads from the first unparsed byte on.
func (r *Reader) fill() error {
	if r.buf == nil {
		r.buf = make([]byte, 0, 4*MaxLine)
	}
	r.at += int64(r.parsed)
	r.parsed = 0
	n, err := r.file.ReadAt(r.buf[:cap(r.buf)], r.at)
	r.buf = r.buf[:n]
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return err
}

// advance goes to the next segment once the present one has no more to give; false: there is nothing more now.
func (r *Reader) advance() (bool, error) {
	firsts, err := segments(r.dir)
	if err != nil {
		return false, fmt.Errorf("read log spool: %w", err)
	}
	target, found := uint64(0), false
	for _, first := range firsts {
		switch {
		case r.file == nil && (!found || first <= r.next): // the last segment that begins at or before r.next, or the first
			target, found = first, true
		case r.file != nil && first > r.first && !found:
			target, found = first, true
		}
	}
	if !found {
		return false, nil
	}
	if r.file != nil && !r.sealed {
		r.sealed = true // what was written to the present segment before the next one began is still to be read
		return true, nil
	}
	file, err := os.Open(segmentPath(r.dir, target))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil // dropped meanwhile
	}
	if err != nil {
		return false, fmt.Errorf("read log spool: %w", err)
	}
	if r.file != nil {
		r.file.Close()
	}
	r.file, r.first, r.sealed = file, target, false
	r.at, r.buf, r.parsed = 0, r.buf[:0], 0
	return true, nil
}
