package native

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/mount"
	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// volume makes a volume of a task.
func makeVolume(t *testing.T, e *Engine, spec engine.VolumeSpec) engine.Volume {
	t.Helper()
	v, err := e.CreateVolume(t.Context(), spec)
	must(t, err)
	return v
}

// program runs a container of a task to its end and returns its exit code and output.
func program(t *testing.T, m *machine, e *Engine, task, name string, with func(*engine.ContainerSpec), args ...string) (int, string) {
	t.Helper()
	c := m.container(task, name, args...)
	if with != nil {
		with(&c)
	}
	must(t, e.CreateContainer(t.Context(), task, c))
	must(t, e.StartContainer(t.Context(), task, name))
	s := await(t, e, task, "stopped", func(s engine.TaskStatus) bool {
		last := s.Containers[len(s.Containers)-1]
		return last.Name == name && last.State == engine.Stopped
	})
	var text strings.Builder
	for _, l := range output(t, c.Log.Dir) {
		text.Write(l.Text)
	}
	return s.Containers[len(s.Containers)-1].ExitCode, text.String()
}

func newTaskOf(t *testing.T, e *Engine) string {
	t.Helper()
	task := randomID(16)
	must(t, e.CreateTask(t.Context(), engine.TaskSpec{Task: task, NoNetwork: true}))
	return task
}

func TestVolumesThatTheImageDeclares(t *testing.T) {
	m := newMachine(t)
	m.images.volumes = map[string]struct{}{"/etc": {}, "/scratch/": {}, "/tmp": {}}
	e := m.open(t)
	task := newTaskOf(t, e)
	code, out := program(t, m, e, task, "writes", func(c *engine.ContainerSpec) {
		c.Host.ReadonlyRootfs, c.Host.Tmpfs = true, map[string]string{"/tmp": ""}
	}, "write", "/scratch/file")
	if code != 0 {
		t.Errorf("writing to a declared volume of a read-only container: %d %s", code, out)
	}
	if code, out := program(t, m, e, task, "own", nil, "cat", "/scratch/file"); code == 0 {
		t.Errorf("another container has the file: %s", out)
	}
	if code, out := program(t, m, e, task, "from", func(c *engine.ContainerSpec) { c.Host.VolumesFrom = []string{"writes"} }, "cat", "/scratch/file"); code != 0 {
		t.Errorf("a container with volumes from it: %d %s", code, out)
	}
	if code, out := program(t, m, e, task, "filled", nil, "cat", "/etc/group"); code != 0 {
		t.Errorf("the volume lacks what the image has: %d %s", code, out)
	}
	all, err := e.Volumes(t.Context())
	must(t, err)
	if len(all) != 9 { // two or three of each; those with volumes from another have that one's
		t.Errorf("%d volumes: %+v", len(all), all)
	}
	must(t, e.RemoveTask(t.Context(), task))
	if left, _ := os.ReadDir(filepath.Join(m.dir, "volumes")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestAReadOnlyMountIsSoBelowToo(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	dir := t.TempDir()
	below := filepath.Join(dir, "below")
	must(t, os.Mkdir(below, 0o755))
	must(t, unix.Mount("tmpfs", below, "tmpfs", 0, "size=64k"))
	defer unix.Unmount(below, unix.MNT_DETACH)
	task := newTaskOf(t, e)
	if code, out := program(t, m, e, task, "app", func(c *engine.ContainerSpec) { c.Host.Binds = []string{dir + ":/data:ro"} }, "write", "/data/below/file"); code != 1 {
		t.Errorf("writing below a read-only mount: %d %s", code, out)
	}
	must(t, e.RemoveTask(t.Context(), task))
}

func TestAVolumeThatIsAMount(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	shared := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(shared, "inside/deep"), 0o755))
	must(t, os.WriteFile(filepath.Join(shared, "inside/deep/file"), []byte("shared\n"), 0o644))
	must(t, os.Symlink("/", filepath.Join(shared, "outside")))
	task := newTaskOf(t, e)
	bound := makeVolume(t, e, engine.VolumeSpec{Name: "bound-" + randomID(4), Task: task, Options: map[string]string{"type": "none", "o": "bind", "device": shared}})
	memory := makeVolume(t, e, engine.VolumeSpec{Name: "memory-" + randomID(4), Task: task, Options: map[string]string{"type": "tmpfs", "o": "size=64k", "device": "tmpfs"}})
	with := func(volume, sub string) func(*engine.ContainerSpec) {
		return func(c *engine.ContainerSpec) {
			c.Host.Mounts = []mount.Mount{{Type: mount.TypeVolume, Source: volume, Target: "/data", VolumeOptions: &mount.VolumeOptions{NoCopy: true, Subpath: sub}}}
		}
	}
	for name, c := range map[string]struct {
		with func(*engine.ContainerSpec)
		args []string
		code int
	}{
		"whole":    {with(bound.Name, ""), []string{"cat", "/data/inside/deep/file"}, 0},
		"a part":   {with(bound.Name, "inside/deep"), []string{"cat", "/data/file"}, 0},
		"outside":  {with(bound.Name, "outside"), []string{"cat", "/data/inside/deep/file"}, 0}, // the volume's own root
		"a writer": {with(memory.Name, ""), []string{"write", "/data/file"}, 0},
	} {
		if code, out := program(t, m, e, task, strings.ReplaceAll(name, " ", "-"), c.with, c.args...); code != c.code {
			t.Errorf("%s: %d %s", name, code, out)
		}
	}
	if code, out := program(t, m, e, task, "reader", with(memory.Name, ""), "cat", "/data/file"); code != 0 {
		t.Errorf("the task's containers do not share the mount: %d %s", code, out)
	}
	missing := m.container(task, "missing", "exit", "0")
	with(bound.Name, "nowhere")(&missing)
	if err := e.CreateContainer(t.Context(), task, missing); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("a path that is not there: %v", err)
	}
	must(t, e.RemoveTask(t.Context(), task))
	if _, err := os.Stat(filepath.Join(shared, "inside/deep/file")); err != nil {
		t.Errorf("what the volume showed went with it: %v", err)
	}
	nothingLeft(t, m, e)
}

func TestVolumesThatCannotBeMade(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	for want, spec := range map[string]engine.VolumeSpec{
		"volume plugin rexray":              {Name: "a", Driver: "rexray/ebs"},
		"can't be a volume's name":          {Name: "../a"},
		"255 at most":                       {Name: strings.Repeat("a", 256)},
		`invalid option: "speed"`:           {Name: "a", Options: map[string]string{"speed": "fast"}},
		`missing required option: "type"`:   {Name: "a", Options: map[string]string{"device": "/dev/sda"}},
		`missing required option: "device"`: {Name: "a", Options: map[string]string{"type": "nfs"}},
		"task gone: not found":              {Name: "a", Task: "gone"},
	} {
		if _, err := e.CreateVolume(t.Context(), spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestWhatEarlierEnginesLeftOfVolumes(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	task := newTaskOf(t, e)
	whole := makeVolume(t, e, engine.VolumeSpec{Name: "whole", Task: task})
	must(t, os.MkdirAll(filepath.Join(m.dir, "volumes/half", dataDir), 0o755)) // its creation was cut off
	must(t, os.WriteFile(filepath.Join(whole.Path, "half"), nil, 0o644))       // and so was its filling
	must(t, os.WriteFile(filepath.Join(filepath.Dir(whole.Path), "filling"), nil, 0o600))
	must(t, e.Close())
	e = m.open(t)
	if all, err := e.Volumes(t.Context()); err != nil || len(all) != 1 || all[0].Name != "whole" {
		t.Errorf("volumes: %+v, %v", all, err)
	}
	onEtc := func(c *engine.ContainerSpec) {
		c.Host.Mounts = []mount.Mount{{Type: mount.TypeVolume, Source: "whole", Target: "/etc"}}
	}
	if code, out := program(t, m, e, task, "app", onEtc, "cat", "/etc/passwd"); code != 0 {
		t.Errorf("the filling that was cut off was not begun again: %d %s", code, out)
	}
	if _, err := os.Stat(filepath.Join(whole.Path, "half")); err == nil {
		t.Error("what a filling that was cut off left is still there")
	}
	must(t, e.RemoveTask(t.Context(), task))
}
