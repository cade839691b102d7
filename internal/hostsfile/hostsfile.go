// Package hostsfile keeps names of one Berth in /etc/hosts, between two lines that carry the instance's id, for programs of
// this machine whose resolver does not know that every name below localhost is this machine. `berth dev` writes load
// balancers' names there; it and `berth clean` take them out again.
package hostsfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// File is a hosts file as one instance writes it.
type File struct {
	Path     string // "/etc/hosts"
	Instance string
}

// Set has the file say that the names, and no others of this instance, are this machine. What others wrote stays as it is, and
// so does the file when nothing changes.
func (f File) Set(names []string) (err error) {
	unlock, err := f.lock()
	if err != nil {
		return err
	}
	defer unlock()
	was, err := os.ReadFile(f.Path)
	if err != nil && (!errors.Is(err, fs.ErrNotExist) || len(names) == 0) {
		return ignore(err, fs.ErrNotExist)
	}
	is := f.edit(was, names)
	if bytes.Equal(is, was) {
		return f.forget()
	}
	return f.replace(is)
}

// edit is the text with this instance's names. Without the second mark, what was theirs ends with the first line that Set cannot
// have written.
func (f File) edit(text []byte, names []string) []byte {
	begin, end := f.marks()
	var kept []string
	inside := false
	for _, line := range strings.SplitAfter(string(text), "\n") {
		switch bare := strings.TrimSpace(line); {
		case bare == begin:
			inside = true
		case bare == end && inside:
			inside = false
		case inside && ours(bare):
		default:
			inside = false
			kept = append(kept, line)
		}
	}
	out := strings.Join(kept, "")
	if len(names) == 0 {
		return []byte(out)
	}
	if out != "" && !strings.HasSuffix(out, "\n") {
		out += "\n"
	}
	out += begin + "\n"
	for _, name := range slices.Sorted(slices.Values(names)) {
		out += "127.0.0.1 " + name + "\n::1 " + name + "\n"
	}
	return []byte(out + end + "\n")
}

// ours tells whether a line is like those between the marks.
func ours(line string) bool {
	fields := strings.Fields(line)
	return len(fields) == 2 && (fields[0] == "127.0.0.1" || fields[0] == "::1")
}

func (f File) marks() (begin, end string) {
	return fmt.Sprintf("# berth %s: begin", f.Instance), fmt.Sprintf("# berth %s: end", f.Instance)
}

// patience bounds the wait for a turn: any user who can read the directory can lock it.
const patience = 2 * time.Second

// lock has the Berths of a machine take turns. Locking the directory leaves nothing behind.
func (f File) lock() (unlock func(), err error) {
	dir, err := os.Open(filepath.Dir(f.Path))
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		err = syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { dir.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) || time.Now().After(end) {
			return nil, errors.Join(fmt.Errorf("lock %s, so that nobody else writes %s: %w", dir.Name(), f.Path, err), dir.Close())
		}
	}
}

func ignore(err, what error) error {
	if errors.Is(err, what) {
		return nil
	}
	return err
}
