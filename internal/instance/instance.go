// Package instance is one Berth on a machine: its data directory, the id that its kernel objects carry, and the lock
// that lets one process own it. cmd/berth opens it first of all; everything else gets its paths from here.
package instance

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"syscall"

	"github.com/go-json-experiment/json"
)

// Format is the layout of a data directory that this program writes and reads.
const Format = 1

// Instance is a Berth of this machine. Its directory may be open (this process owns it) or only looked at.
type Instance struct {
	ID   string // 8 hexadecimal digits; in the name of every kernel object
	Dir  string // data directory, absolute
	lock *os.File
}

// record is instance.json.
type record struct {
	Format int    `json:"format"`
	ID     string `json:"instance"`
}

// Errors of Open and Find.
var (
	// ErrNone is returned by Find for a directory without a Berth.
	ErrNone = errors.New("no Berth has run on this data directory")
	// ErrInUse is returned by Open while another process owns the directory.
	ErrInUse = errors.New("another Berth runs on this data directory")
)

var idPattern = regexp.MustCompile(`^[0-9a-f]{8}$`)

// Open makes the data directory when it is absent, and owns it until Close or the end of the process.
func Open(dir string) (*Instance, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w; run as root or choose another by --data-dir", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the data directory: %w; run as its owner or choose another by --data-dir", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("%s: %w; `berth down` ends it, --name starts another beside it", dir, ErrInUse)
	}
	in, err := Find(dir)
	if errors.Is(err, ErrNone) {
		in, err = create(dir)
	}
	if err != nil {
		lock.Close()
		return nil, err
	}
	in.lock = lock
	return in, nil
}

// Find looks at a data directory without owning it. ErrNone when no Berth has run there.
func Find(dir string) (*Instance, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "instance.json")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNone)
	}
	if err != nil {
		return nil, err
	}
	var r record
	if err := json.Unmarshal(data, &r); err != nil || !idPattern.MatchString(r.ID) || r.Format < 1 {
		return nil, fmt.Errorf("%s is damaged: restore it from a backup, or choose another directory by --data-dir", path)
	}
	if r.Format > Format {
		return nil, fmt.Errorf("%s was written by a newer Berth (format %d, this one reads up to %d): run that version", dir, r.Format, Format)
	}
	return &Instance{ID: r.ID, Dir: dir}, nil
}

// create begins a data directory. One that holds anything but the lock is not ours: nothing in it is touched.
func create(dir string) (*Instance, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Name() != "lock" {
			return nil, fmt.Errorf("%s is not empty and not a Berth's data directory (it has %s and no instance.json): choose another by --data-dir", dir, e.Name())
		}
	}
	var id [4]byte
	rand.Read(id[:])
	in := &Instance{ID: hex.EncodeToString(id[:]), Dir: dir}
	data, err := json.Marshal(record{Format: Format, ID: in.ID})
	if err != nil {
		return nil, err
	}
	return in, WriteFile(filepath.Join(dir, "instance.json"), append(data, '\n'), 0o600)
}

// WriteFile writes a file so that after a crash it is there whole or not at all.
func WriteFile(path string, data []byte, mode fs.FileMode) error {
	temporary := path + ".new"
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	parent, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}

// Running tells whether a process owns the directory now.
func (in *Instance) Running() bool {
	lock, err := os.OpenFile(filepath.Join(in.Dir, "lock"), os.O_RDWR, 0o600)
	if err != nil {
		return false
	}
	defer lock.Close()
	return syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil
}

// Close gives the directory up.
func (in *Instance) Close() error {
	if in.lock == nil {
		return nil
	}
	return in.lock.Close()
}

// Path is a path in the data directory.
func (in *Instance) Path(elem ...string) string {
	return filepath.Join(append([]string{in.Dir}, elem...)...)
}

// RunDir is where sockets and mounts are; it does not outlive a boot.
func (in *Instance) RunDir() string { return filepath.Join("/run/berth", in.ID) }
