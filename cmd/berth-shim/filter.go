//go:build cgo

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// filterArg has this program compile a filter.
const filterArg = "filter"

// filterFD is the first file that a process in a container is started with.
const filterFD = 3

// filter is a container's system call filter. The shims of an instance have each compiled once and share the program, by
// files in the run directory. It is compiled by a process that is in no container: what could be tampered with by what runs
// there, as a tracer can, is never another container's filter.
type filter struct {
	described []byte // as JSON; nil: the container has no filter
	path      string // where its program is kept, after its hash; named by what it is compiled from and by whom

	learning sync.WaitGroup
	life     context.Context // ends with close
	end      context.CancelFunc

	mu      sync.Mutex
	program []byte // nil: it is not known yet
}

// newFilter returns the filter that a specification describes. dir is where the programs of all are kept.
func newFilter(dir string, s *specs.LinuxSeccomp) (*filter, error) {
	f := &filter{}
	f.life, f.end = context.WithCancel(context.Background())
	if s == nil {
		return f, nil
	}
	described, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	compiler, err := os.Stat("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	path, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	name := sha256.New()
	fmt.Fprintln(name, path, compiler.Size(), compiler.ModTime().UnixNano())
	name.Write(described)
	f.described, f.path = described, filepath.Join(dir, fmt.Sprintf("%x", name.Sum(nil)))
	return f, nil
}

// open returns the file for filterFD: the program, which nobody can change, or one that is empty, for the process to
// compile the filter itself.
func (f *filter) open() (*os.File, error) {
	program := f.known()
	if program == nil {
		return os.Open(os.DevNull)
	}
	fd, err := unix.MemfdCreate("filter", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("make a file for the system call filter: %w", err)
	}
	file := os.NewFile(uintptr(fd), "filter")
	_, err = file.Write(program)
	if err == nil {
		_, err = unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("write the system call filter: %w", err)
	}
	return file, nil
}

// known returns the program, nil if nobody has compiled it yet.
func (f *filter) known() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.program == nil && f.described != nil {
		if kept, err := os.ReadFile(f.path); err == nil && len(kept) > sha256.Size {
			if hash := sha256.Sum256(kept[sha256.Size:]); bytes.Equal(hash[:], kept[:sha256.Size]) {
				f.program = kept[sha256.Size:]
			}
		}
	}
	return f.program
}

// learn begins to have the filter compiled for the processes to come, unless it is known or another shim is about it.
func (f *filter) learn() {
	f.learning.Go(func() {
		if f.described == nil || f.known() != nil {
			return
		}
		if err := f.compile(); err != nil && f.life.Err() == nil {
			fmt.Fprintln(os.Stderr, "berth-shim: compile a system call filter:", err)
		}
	})
}

// close returns once nothing compiles the filter any more.
func (f *filter) close() {
	f.end()
	f.learning.Wait()
}

func (f *filter) compile() error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return err
	}
	lock, err := os.OpenFile(f.path+".lock", os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) || f.known() != nil {
		return nil
	} else if err != nil {
		return err
	}
	cmd := exec.CommandContext(f.life, "/proc/self/exe", filterArg)
	cmd.Stdin, cmd.Env = bytes.NewReader(f.described), []string{"GOMAXPROCS=1"}
	program, err := cmd.Output()
	if err != nil {
		return err
	}
	hash := sha256.Sum256(program)
	if err := os.WriteFile(f.path+".new", append(hash[:], program...), 0o600); err != nil {
		return err
	}
	return os.Rename(f.path+".new", f.path)
}
