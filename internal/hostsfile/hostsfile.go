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
		return nil
	}
	return replace(f.Path, is)
}

// edit is the text with this instance's names.
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
		case !inside:
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

func (f File) marks() (begin, end string) {
	return fmt.Sprintf("# berth %s: begin", f.Instance), fmt.Sprintf("# berth %s: end", f.Instance)
}

// lock has the Berths of a machine take turns. Locking the directory leaves nothing behind.
func (f File) lock() (unlock func(), err error) {
	dir, err := os.Open(filepath.Dir(f.Path))
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", dir.Name(), err), dir.Close())
	}
	return func() { dir.Close() }, nil
}

// replace writes a file anew in its place: another file by that name would be lost on those who have this one mounted, as
// containers do. At no time is it shorter than both texts, or empty.
func replace(path string, text []byte) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.WriteAt(text, 0); err != nil {
		return err
	}
	return file.Truncate(int64(len(text)))
}

func ignore(err, what error) error {
	if errors.Is(err, what) {
		return nil
	}
	return err
}
