package enginetest

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"github.com/moby/moby/api/types/mount"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// newVolume returns a name that no volume has.
func newVolume() string {
	name := make([]byte, 8)
	rand.Read(name)
	return "berth-test-" + hex.EncodeToString(name)
}

func on(volume, target string) mount.Mount {
	return mount.Mount{Type: mount.TypeVolume, Source: volume, Target: target}
}

// program is a container that runs the suite's probe with mounts.
func (b *box) program(name string, mounts []mount.Mount, args ...string) engine.ContainerSpec {
	b.Helper()
	if b.Program == nil {
		b.Skip("the engine runs no programs")
	}
	c := b.Program(name, args...)
	c.Host.Mounts = mounts
	return c
}

// ends runs a container of a task and returns its exit code.
func (b *box) ends(task string, c engine.ContainerSpec) int {
	b.Helper()
	b.must(b.CreateContainer(b.ctx, task, c))
	b.must(b.StartContainer(b.ctx, task, c.Name))
	return b.await(task, c.Name, engine.Stopped).ExitCode
}

// has says whether a volume is listed.
func (b *box) has(name string) bool {
	b.Helper()
	all, err := b.Volumes(b.ctx)
	b.must(err)
	return slices.ContainsFunc(all, func(v engine.Volume) bool { return v.Name == name })
}

func volumeIsMadeOnce(t *testing.T, s Suite) {
	b := openBox(t, s)
	spec := engine.VolumeSpec{Name: newVolume(), Labels: map[string]string{"team": "blue"}}
	first, err := b.CreateVolume(b.ctx, spec)
	b.must(err)
	t.Cleanup(func() { b.RemoveVolume(t.Context(), spec.Name) })
	b.reopen()
	again, err := b.CreateVolume(b.ctx, engine.VolumeSpec{Name: spec.Name})
	b.must(err)
	if first.Name != spec.Name || again.Labels["team"] != "blue" || again.Path != first.Path || first.Driver != "local" {
		t.Errorf("made %+v, then %+v", first, again)
	}
	if !b.has(spec.Name) {
		t.Error("the volume is not listed")
	}
	b.must(b.RemoveVolume(b.ctx, spec.Name))
	if err := b.RemoveVolume(b.ctx, spec.Name); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("the second removal says %v", err)
	}
}

func volumeInUse(t *testing.T, s Suite) {
	b := openBox(t, s)
	name := newVolume()
	_, err := b.CreateVolume(b.ctx, engine.VolumeSpec{Name: name})
	b.must(err)
	c := b.Container("has", Behaviour{Kind: Exits})
	c.Host.Mounts = []mount.Mount{on(name, "/data")}
	task := b.task(c)
	b.await(task, "has", engine.Stopped)
	b.reopen()
	if err := b.RemoveVolume(b.ctx, name); !errors.Is(err, engine.ErrInUse) {
		t.Errorf("a volume that a stopped container has: %v", err)
	}
	b.must(b.RemoveTask(b.ctx, task))
	if !b.has(name) {
		t.Error("the volume went with a task whose it was not")
	}
	b.must(b.RemoveVolume(b.ctx, name))
}

func volumeOfTask(t *testing.T, s Suite) {
	b := openBox(t, s)
	task, name := b.task(), newVolume()
	_, err := b.CreateVolume(b.ctx, engine.VolumeSpec{Name: name, Task: task})
	b.must(err)
	b.reopen()
	if !b.has(name) {
		t.Error("the volume is not listed")
	}
	b.must(b.RemoveTask(b.ctx, task))
	if b.has(name) {
		t.Error("the volume is there and its task is gone")
	}
}

func volumeKeepsContent(t *testing.T, s Suite) {
	b := openBox(t, s)
	name := newVolume()
	_, err := b.CreateVolume(b.ctx, engine.VolumeSpec{Name: name})
	b.must(err)
	t.Cleanup(func() { b.RemoveVolume(t.Context(), name) })
	readonly := on(name, "/data")
	readonly.ReadOnly = true
	first, second := b.task(), b.task()
	for _, c := range []struct {
		task, what string
		container  engine.ContainerSpec
		code       int
	}{
		{first, "writing", b.program("writes", []mount.Mount{on(name, "/data")}, "write", "/data/file"), 0},
		{first, "reading in another container", b.program("reads", []mount.Mount{on(name, "/elsewhere")}, "cat", "/elsewhere/file"), 0},
		{second, "reading in another task", b.program("reads", []mount.Mount{readonly}, "cat", "/data/file"), 0},
		{second, "writing where it is read-only", b.program("writes", []mount.Mount{readonly}, "write", "/data/new"), 1},
	} {
		if code := b.ends(c.task, c.container); code != c.code {
			t.Errorf("%s ended with %d, want %d", c.what, code, c.code)
		}
	}
	b.must(b.RemoveTask(b.ctx, first))
	b.must(b.RemoveTask(b.ctx, second))
}

func volumeTakesImage(t *testing.T, s Suite) {
	b := openBox(t, s)
	task := b.task()
	for _, name := range []string{"filled", "bare"} {
		volume := newVolume()
		_, err := b.CreateVolume(b.ctx, engine.VolumeSpec{Name: volume, Task: task})
		b.must(err)
		m := on(volume, "/etc")
		want := 0
		if name == "bare" {
			m.VolumeOptions, want = &mount.VolumeOptions{NoCopy: true}, 1
		}
		if code := b.ends(task, b.program(name, []mount.Mount{m}, "cat", "/etc/passwd")); code != want {
			t.Errorf("%s: reading the image's file ended with %d, want %d", name, code, want)
		}
	}
}

func volumesFrom(t *testing.T, s Suite) {
	b := openBox(t, s)
	task, volume := b.task(), newVolume()
	_, err := b.CreateVolume(b.ctx, engine.VolumeSpec{Name: volume, Task: task})
	b.must(err)
	if code := b.ends(task, b.program("source", []mount.Mount{on(volume, "/data")}, "write", "/data/file")); code != 0 {
		t.Errorf("the source ended with %d", code)
	}
	for _, c := range []struct {
		name, from string
		args       []string
		code       int
	}{
		{"reads", "source", []string{"cat", "/data/file"}, 0},
		{"writes", "source", []string{"write", "/data/new"}, 0},
		{"readonly", "source:ro", []string{"write", "/data/newer"}, 1},
		{"through", "reads:ro", []string{"cat", "/data/new"}, 0},
	} {
		spec := b.program(c.name, nil, c.args...)
		spec.Host.VolumesFrom = []string{c.from}
		if code := b.ends(task, spec); code != c.code {
			t.Errorf("%s ended with %d, want %d", c.name, code, c.code)
		}
	}
}
