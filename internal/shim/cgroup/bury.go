package cgroup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Processes lists the processes in the group and below it, in every hierarchy.
func (g Group) Processes() ([]int, error) {
	var all []int
	for _, dir := range g.dirs() {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				return err
			case !d.IsDir():
				return nil
			}
			procs, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EOPNOTSUPP) {
				return nil // removed meanwhile, or threaded: then a group above it lists what it holds
			}
			for p := range strings.FieldsSeq(string(procs)) {
				if pid, err := strconv.Atoi(p); err == nil {
					all = append(all, pid)
				}
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("list the processes of %s: %w", g.path, err)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// Kill sends SIGKILL to every process in the group and below until none is left.
func (g Group) Kill(ctx context.Context) error {
	return until(ctx, "kill what is in "+g.path, func() (bool, error) {
		if g.tree.Unified() {
			os.WriteFile(filepath.Join(g.Dir(""), "cgroup.kill"), []byte("1"), 0)
		}
		processes, err := g.Processes()
		for _, pid := range processes {
			if pid != os.Getpid() {
				unix.Kill(pid, unix.SIGKILL)
			}
		}
		return len(processes) == 0, err
	})
}

// Remove removes the group and those below it. Removing an absent group succeeds; a group with processes in it stays,
// and is an error when ctx ends.
func (g Group) Remove(ctx context.Context) error {
	return until(ctx, "remove control group "+g.path, func() (bool, error) {
		gone := true
		for _, dir := range g.dirs() {
			err := removeAll(dir)
			if errors.Is(err, unix.EBUSY) {
				gone = false
			} else if err != nil {
				return false, err
			}
		}
		return gone, nil
	})
}

func removeAll(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeAll(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := unix.Rmdir(dir); err != nil && err != unix.ENOENT {
		return &fs.PathError{Op: "rmdir", Path: dir, Err: err}
	}
	return nil
}

// until repeats a step, which the kernel finishes in its own time, until it is done.
func until(ctx context.Context, what string, step func() (bool, error)) error {
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		done, err := step()
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, ctx.Err())
		case <-time.After(wait):
		}
	}
}
