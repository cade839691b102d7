package jsonfile

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// Line is a line that a container printed.
type Line struct {
	Time   time.Time
	Stream string // stdout or stderr
	Text   string // without its newline
}

// Cursor is a place in a container's files: after so many lines of that moment.
type Cursor struct {
	Time time.Time
	Seen int // lines of exactly that time that were read
}

// Read returns the lines after a place that its files have, oldest first, up to most of them, and the place after those. The zero
// Cursor is the beginning. A container without files has no lines.
func (d *Driver) Read(task, container string, from Cursor, most int) (lines []Line, to Cursor, err error) {
	to = from
	if filepath.Base(task) != task || filepath.Base(container) != container {
		return nil, from, fmt.Errorf("no container is named %q in a task %q", container, task)
	}
	path := d.path(task, container)
	oldest := 0
	for exists(rotated(path, oldest+1)) || exists(rotated(path, oldest+1)+".gz") {
		oldest++
	}
	seen := 0
	for n := oldest; n >= 0 && len(lines) < most; n-- {
		err := each(rotated(path, n), from.Time, func(r record) bool {
			switch {
			case r.Time.Before(from.Time):
				return true
			case r.Time.Equal(from.Time):
				if seen++; seen <= from.Seen {
					return true
				}
			}
			if !r.Time.Equal(to.Time) {
				to = Cursor{Time: r.Time}
			}
			to.Seen++
			lines = append(lines, Line{r.Time, r.Stream, strings.TrimSuffix(r.Log, "\n")})
			return len(lines) < most
		})
		if err != nil {
			return nil, from, fmt.Errorf("read the output of container %s: %w", container, err)
		}
	}
	return lines, to, nil
}

// rotated is the path of the file before the n last rotations.
func rotated(path string, n int) string {
	if n == 0 {
		return path
	}
	return fmt.Sprintf("%s.%d", path, n)
}

// Last returns up to the last n lines that are in a container's files, from about the last 128 KB of them.
func (d *Driver) Last(task, container string, n int) ([]Line, error) {
	var lines []Line
	for back := 1; back >= 0; back-- {
		f, err := os.Open(rotated(d.path(filepath.Base(task), filepath.Base(container)), back))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		end, err := f.Seek(0, io.SeekEnd)
		if err == nil {
			err = records(io.NewSectionReader(f, max(end-lastBytes, 0), lastBytes), func(r record) bool {
				lines = append(lines, Line{r.Time, r.Stream, strings.TrimSuffix(r.Log, "\n")})
				return true
			})
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
	}
	return lines[max(len(lines)-n, 0):], nil
}

const lastBytes = 128 << 10

// each calls do with the records of a file, plain or compressed, until it says false. Of those before a time it leaves out
// many.
func each(path string, from time.Time, do func(record) bool) error {
	f, err := os.Open(path)
	if err == nil {
		defer f.Close()
		if err := skip(f, from); err != nil {
			return err
		}
		return records(f, do)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err = os.Open(path + ".gz")
	if errors.Is(err, fs.ErrNotExist) {
		return nil // rotated away
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.ModTime().Before(from) {
		return err
	}
	in, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	return records(in, do)
}

// records calls do with records until it says false. One that is being written ends them; what is none is left out.
func records(in io.Reader, do func(record) bool) error {
	for lines := bufio.NewReaderSize(in, 64<<10); ; {
		text, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var r record
		if json.Unmarshal(text, &r) == nil && !do(r) {
			return nil
		}
	}
}

// near is how many bytes too many skip may leave to be read.
const near = 64 << 10

// skip has a file read from a record on that comes before a time, or from its beginning.
func skip(f *os.File, from time.Time) error {
	if from.IsZero() {
		return nil
	}
	before, after := int64(0), int64(0) // the beginning of a record before that time, and a place after it
	after, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	for after-before > near {
		middle := before + (after-before)/2
		lines := bufio.NewReader(io.NewSectionReader(f, middle, after-middle))
		part, err := lines.ReadBytes('\n') // the rest of a record
		if err != nil {
			after = middle
			continue
		}
		text, err := lines.ReadBytes('\n')
		var r record
		if err != nil || json.Unmarshal(text, &r) != nil || !r.Time.Before(from) {
			after = middle
			continue
		}
		before = middle + int64(len(part))
	}
	_, err = f.Seek(before, io.SeekStart)
	return err
}
