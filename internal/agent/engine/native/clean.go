package native

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/shim"
	"github.com/berth-dev/berth/internal/shim/cgroup"
)

// Clean removes all that engines of an instance made, whatever became of them: processes, control groups, the run
// directory's shims and the AppArmor profile. Nothing of the instance may be running an engine. Images and log spools are their owners' to remove.
func Clean(ctx context.Context, instance, runDir string) error {
	tree, err := cgroup.Find()
	if err != nil {
		return err
	}
	shims := filepath.Join(runDir, "shims")
	if err := endShims(ctx, shims); err != nil {
		return err
	}
	group := tree.Group(shim.InstanceGroup(instance))
	return errors.Join(group.Kill(ctx), group.Remove(ctx), os.RemoveAll(shims), removeAppArmor(instance))
}

// endShims kills the shims below a directory and returns once they are dead. One whose agent was killed while it came up
// may be in no control group yet, and would make all of its own after they are removed; the lock of its directory tells
// of it before anything else does.
func endShims(ctx context.Context, shims string) error {
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		held, err := keptTask(shims)
		if err != nil || held == "" {
			return err
		}
		for _, pid := range shimsIn(shims) {
			unix.Kill(pid, unix.SIGKILL)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("end the shim of task %s: %w", held, ctx.Err())
		case <-time.After(wait):
		}
	}
}

// keptTask returns a task below the directory that a process keeps, empty when there is none.
func keptTask(shims string) (string, error) {
	entries, err := os.ReadDir(shims)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	for _, entry := range entries {
		lock, err := lockDir(filepath.Join(shims, entry.Name()))
		switch {
		case errors.Is(err, errHeld):
			return entry.Name(), nil
		case err == nil:
			lock.Close()
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR):
			return "", err
		}
	}
	return "", err
}

// shimsIn returns the processes that were started as `berth-shim run DIR` with a directory below this one.
func shimsIn(shims string) (pids []int) {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range all {
		line, err := os.ReadFile(path)
		args := bytes.Split(line, []byte{0})
		if err != nil || len(args) < 3 || string(args[1]) != "run" || filepath.Dir(string(args[2])) != filepath.Clean(shims) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
