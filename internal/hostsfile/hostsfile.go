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

// replace writes a file anew, so that whoever reads it sees all of the old one or all of the new. Where it is a mount, as in
// a container, its content alone can be.
func replace(path string, text []byte) error {
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	fresh := path + ".berth"
	if err := os.WriteFile(fresh, text, mode); err != nil {
		return err
	}
	err := errors.Join(os.Chmod(fresh, mode), os.Rename(fresh, path))
	if err == nil {
		return nil
	}
	if gone := os.Remove(fresh); !errors.Is(err, syscall.EBUSY) && !errors.Is(err, syscall.EXDEV) {
		return errors.Join(err, gone)
	}
	return os.WriteFile(path, text, mode)
}

func ignore(err, what error) error {
	if errors.Is(err, what) {
		return nil
	}
	return err
}
