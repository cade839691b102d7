// Package instance is one Berth on a machine: its data directory, the id that its kernel objects carry, and the lock
// that lets one process own it. cmd/berth opens it first of all; everything else gets its paths from here.
package instance

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Format is the layout of a data directory that this program writes and reads.
const Format = 1

// Instance is a Berth of this machine. Its directory may be open (this process owns it) or only looked at.
type Instance struct {
	ID   string // 8 hexadecimal digits; in the name of every kernel object
	Dir  string // data directory, absolute
	lock *os.File
	// claim is what keeps a copy of the directory from being opened beside it.
	claim  *os.File
	record record
}

// Errors of Open and Find.
var (
	// ErrNone is returned by Find for a directory without a Berth.
	ErrNone = errors.New("no Berth has run on this data directory")
	// ErrInUse is returned by Open while another process owns the directory.
	ErrInUse = errors.New("another Berth runs on this data directory")
	// ErrCopy is returned by Open for a copy of a directory that is open.
	ErrCopy = errors.New("it is a copy of a data directory on which a Berth runs")
	// ErrForeign is returned by Open for a directory that holds something, and not a Berth's.
	ErrForeign = errors.New("not a Berth's data directory")
	// ErrOwner is returned by Open for a directory of another user, who could put programs and keys there.
	ErrOwner = errors.New("the data directory is another user's")
	// ErrDamaged is returned for a directory that was a Berth's and can't be read as one.
	ErrDamaged = errors.New("the data directory is damaged")
	// ErrTooNew is returned for a directory that a later version has written.
	ErrTooNew = errors.New("the data directory is a newer Berth's")
)

// Open makes the data directory when it is absent, and owns it until Close or the end of the process.
func Open(dir string) (*Instance, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w; run as root or choose another by --data-dir", err)
	}
	_, err = readRecord(dir)
	begins := errors.Is(err, ErrNone)
	if begins {
		if err := vacant(dir); err != nil { // before a lock is put there
			return nil, err
		}
	}
	if err == nil || begins || errors.Is(err, fs.ErrPermission) {
		if err := private(dir, begins); err != nil {
			return nil, err
		}
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the data directory: %w; run as its owner or choose another by --data-dir", err)
	}
	if err := take(lock); err != nil {
		lock.Close()
		return nil, fmt.Errorf("%s: %w", dir, ErrInUse)
	}
	in := &Instance{Dir: dir, lock: lock}
	if err := in.own(); err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return in, nil
}

// take takes the lock. Whoever only asks whether it is held has it for some microseconds: that is waited for.
func take(lock *os.File) (err error) {
	for range 20 {
		if err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			return nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return err
}

// own reads or begins the directory, whose lock is held.
func (in *Instance) own() (err error) {
	if in.record, err = readRecord(in.Dir); errors.Is(err, ErrNone) {
		in.record, err = create(in.Dir)
	}
	if err != nil {
		return err
	}
	in.ID = in.record.ID
	if in.claim, err = claimID(in.ID); err != nil {
		return fmt.Errorf("%s (instance %s): %w; end that one first", in.Dir, in.ID, err)
	}
	return nil
}

// Find looks at a data directory without owning it. ErrNone when no Berth has run there.
func Find(dir string) (*Instance, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	r, err := readRecord(dir)
	if err != nil {
		return nil, err
	}
	return &Instance{ID: r.ID, Dir: dir, record: r}, nil
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
	var errs []error
	for _, f := range []*os.File{in.claim, in.lock} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	in.claim, in.lock = nil, nil
	return errors.Join(errs...)
}

// Path is a path in the data directory.
func (in *Instance) Path(elem ...string) string {
	return filepath.Join(append([]string{in.Dir}, elem...)...)
}

// RunDir is where sockets and mounts are; it does not outlive a boot. See MakeRunDir.
func (in *Instance) RunDir() string { return filepath.Join("/run/berth", in.ID) }
