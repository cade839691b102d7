package jsonfile

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/go-json-experiment/json"
)

// file is a container's file, and where in the spool it goes on.
type file struct {
	options
	path       string
	attributes map[string]string

	f        *os.File
	position position
	pending  []byte // records that are not written
	next     uint64 // offset of the spool after those
}

// position is what stands in a file: whatever comes after Size was written before a crash and will come again.
type position struct {
	Offset uint64 `json:"offset"` // of the spool: where the file goes on
	Size   int64  `json:"size"`
	Inode  uint64 `json:"inode"` // of the file
}

func (f *file) positionPath() string { return strings.TrimSuffix(f.path, ".log") + ".position" }

// open goes on with the file that an earlier agent left, or makes one.
func (f *file) open() (err error) {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return err
	}
	if f.f, err = os.OpenFile(f.path, os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	if err := f.recover(); err != nil {
		f.f.Close()
		f.f = nil
		return err
	}
	return nil
}

func (f *file) recover() error {
	text, err := os.ReadFile(f.positionPath())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f.position = position{}
	if err == nil && json.Unmarshal(text, &f.position) != nil {
		f.position = position{} // cut off by a crash of the machine: what is shipped the database knows
	}
	inode, err := inodeOf(f.f)
	if err != nil {
		return err
	}
	if f.position.Inode != inode { // made by a rotation that ended here
		f.position.Inode, f.position.Size = inode, 0
	}
	f.next, f.pending = f.position.Offset, nil
	return f.f.Truncate(f.position.Size)
}

func inodeOf(f *os.File) (uint64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, fmt.Errorf("%s has no inode", f.Name())
	}
	return stat.Ino, nil
}

// size is the file's with what is pending.
func (f *file) size() int64 { return f.position.Size + int64(len(f.pending)) }

// flush writes what is pending and notes down that it is there. On an error nothing is pending, and nothing is there that counts.
func (f *file) flush() error {
	if len(f.pending) == 0 {
		return nil
	}
	moved := f.position
	_, err := f.f.WriteAt(f.pending, f.position.Size)
	if err == nil {
		moved.Size += int64(len(f.pending))
		moved.Offset = f.next
		err = f.write(moved)
	}
	if f.pending = f.pending[:0]; err != nil {
		f.next = f.position.Offset
		return errors.Join(err, f.f.Truncate(f.position.Size))
	}
	return nil
}

// write notes a position down.
func (f *file) write(p position) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	path := f.positionPath()
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	f.position = p
	return nil
}

// rotate begins a new file. The one before becomes .1, that one .2 and so on.
func (f *file) rotate() error {
	if err := f.flush(); err != nil {
		return err
	}
	if f.maxFile == 1 {
		if err := f.write(position{Offset: f.position.Offset, Inode: f.position.Inode}); err != nil {
			return err
		}
		return f.f.Truncate(0)
	}
	for n := f.maxFile - 1; n > 1; n-- {
		for _, suffix := range []string{"", ".gz"} {
			from := fmt.Sprintf("%s.%d%s", f.path, n-1, suffix)
			os.Remove(fmt.Sprintf("%s.%d%s", f.path, n, suffix))
			if err := os.Rename(from, fmt.Sprintf("%s.%d%s", f.path, n, suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	os.Remove(f.path + ".1.gz")
	if err := os.Rename(f.path, f.path+".1"); err != nil {
		return err
	}
	f.f.Close()
	f.f = nil
	if err := f.open(); err != nil {
		return err
	}
	if f.compress {
		return compress(f.path + ".1")
	}
	return nil
}

// compress makes a file one that ends in .gz.
func compress(path string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(path+".gz", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	z := gzip.NewWriter(out)
	_, err = io.Copy(z, in)
	if err = errors.Join(err, z.Close(), out.Close()); err != nil {
		return errors.Join(err, os.Remove(path+".gz"))
	}
	return os.Remove(path)
}
