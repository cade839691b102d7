package jsonfile

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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
	path := d.path(task, container)
	oldest := 0
	for exists(rotated(path, oldest+1)) || exists(rotated(path, oldest+1)+".gz") {
		oldest++
	}
	seen := 0
	for n := oldest; n >= 0 && len(lines) < most; n-- {
		err := each(rotated(path, n), func(r record) bool {
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

// each calls do with the records of a file, plain or compressed, until it says false. A record that is being written ends it.
func each(path string, do func(record) bool) error {
	var in io.Reader
	f, err := os.Open(path)
	if in = f; errors.Is(err, fs.ErrNotExist) {
		if f, err = os.Open(path + ".gz"); err == nil {
			defer f.Close()
			in, err = gzip.NewReader(f)
		}
	} else if err == nil {
		defer f.Close()
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil // rotated away
	}
	if err != nil {
		return err
	}
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
