package enginetest

import (
	"errors"
	"testing"

	"github.com/moby/moby/api/types/mount"

	"github.com/berth-dev/berth/internal/agent/engine"
)

func countsStorage(t *testing.T, s Suite) {
	b := openBox(t, s)
	if _, err := b.StorageUsed(b.ctx, "00000000000000000000000000000000"); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("of an unknown task: %v", err)
	}
	task, own, shared := b.task(), newVolume(), newVolume()
	_, err := b.CreateVolume(b.ctx, engine.VolumeSpec{Name: own, Task: task})
	b.must(err)
	_, err = b.CreateVolume(b.ctx, engine.VolumeSpec{Name: shared})
	b.must(err)
	t.Cleanup(func() { b.RemoveVolume(t.Context(), shared) })
	t.Cleanup(func() { b.RemoveTask(t.Context(), task) })
	for name, args := range map[string][]string{"root": {"fill", "/big", "3"}, "own": {"fill", "/data/big", "5"}, "shared": {"fill", "/shared/big", "20"}} {
		c := b.program(name, []mount.Mount{on(own, "/data"), on(shared, "/shared")}, args...)
		if code := b.ends(task, c); code != 0 {
			t.Fatalf("%s ended with %d", name, code)
		}
	}
	b.reopen()
	used, err := b.StorageUsed(b.ctx, task)
	b.must(err)
	if used < 8<<20 || used > 12<<20 {
		t.Errorf("3 MiB in a container and 5 MiB in the task's volume are %.1f MiB", float64(used)/(1<<20))
	}
}
