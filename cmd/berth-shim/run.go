//go:build cgo

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"

	"github.com/go-json-experiment/json"
	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/shim"
)

// Files that the agent passes.
const (
	readyFD = 3 // takes one line, then end of file
	lockFD  = 4 // shim.LockFile, locked: it stays so until this process is gone
)

// run keeps the task whose directory is dir until an agent shuts it down.
func run(dir string) error {
	unix.CloseOnExec(readyFD)
	unix.CloseOnExec(lockFD)
	closeInherited()
	ready := os.NewFile(readyFD, "ready")
	t, l, err := prepare(dir)
	if err != nil {
		fmt.Fprintln(ready, err)
		return err
	}
	fmt.Fprintln(ready, "ok")
	ready.Close()
	return (&shim.Server{Handler: t, Build: version}).Serve(l)
}

// prepare puts the process where it belongs and opens what the task shares.
func prepare(dir string) (*task, *net.UnixListener, error) {
	var spec shim.Task
	text, err := os.ReadFile(filepath.Join(dir, shim.TaskFile))
	if err != nil {
		return nil, nil, err
	}
	if err := json.Unmarshal(text, &spec); err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", shim.TaskFile, err)
	}
	if err := settle(); err != nil {
		return nil, nil, err
	}
	t, err := newTask(dir, spec)
	if err != nil {
		return nil, nil, err
	}
	l, err := listen(filepath.Join(dir, shim.SocketFile))
	if err != nil {
		return nil, nil, err
	}
	return t, l, nil
}

// settle makes the process independent of who started it. It begins in a mount namespace of its own (the agent clones it
// so): what it mounts stays there and goes with it, while unmounts on the host still reach it.
func settle() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("keep the shim's mounts from the host: %w", err)
	}
	unix.Umask(0o022)
	// The containers' processes are killed before the one that keeps them. They start with 0 again, by their spec.
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte("-998"), 0); err != nil && !errors.Is(err, os.ErrPermission) {
		return err
	}
	// Caught and dropped, not ignored: what is ignored stays so in the containers.
	signal.Notify(make(chan os.Signal, 1), unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGPIPE, unix.SIGQUIT)
	return nil
}

// closeInherited closes what else the agent's starter left open, such as the pipe on which a supervisor waits for the end
// of its output. This process's own files are all closed on exec.
func closeInherited() {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return
	}
	for _, f := range open {
		fd, err := strconv.Atoi(f.Name())
		if err != nil || fd <= lockFD {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			unix.Close(fd)
		}
	}
}

func listen(path string) (*net.UnixListener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	mask := unix.Umask(0o177)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	unix.Umask(mask)
	return l, err
}
