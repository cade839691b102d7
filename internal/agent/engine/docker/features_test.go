//go:build linux

package docker

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/moby/moby/api/types/mount"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/enginetest"
	"github.com/berth-dev/berth/internal/agent/spool"
)

// bench is an engine and a task on it.
type bench struct {
	t *testing.T
	*machine
	*Engine
	ctx  context.Context
	task string
}

func newBench(t *testing.T) *bench {
	m := newMachine(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return &bench{t: t, machine: m, Engine: m.open(t), ctx: ctx}
}

// begin makes a task of containers and starts them.
func (b *bench) begin(spec engine.TaskSpec, containers ...engine.ContainerSpec) {
	b.t.Helper()
	b.task = enginetest.NewTask()
	spec.Task = b.task
	must(b.t, b.CreateTask(b.ctx, spec))
	for _, c := range containers {
		must(b.t, b.CreateContainer(b.ctx, b.task, c))
		must(b.t, b.StartContainer(b.ctx, b.task, c.Name))
	}
}

// until waits for a container to be as wanted.
func (b *bench) until(name string, is func(engine.ContainerStatus) bool) engine.ContainerStatus {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	states, err := b.Watch(ctx, b.task)
	must(b.t, err)
	var last engine.TaskStatus
	for last = range states {
		for _, c := range last.Containers {
			if c.Name == name && is(c) {
				return c
			}
		}
	}
	b.t.Fatalf("container %s never was as wanted: %+v", name, last)
	return engine.ContainerStatus{}
}

func stopped(c engine.ContainerStatus) bool { return c.State == engine.Stopped }

func TestRestart(t *testing.T) {
	b := newBench(t)
	c := b.container("restart", "app", "print", "3")
	c.Restarts = true
	b.begin(engine.TaskSpec{NoNetwork: true}, c)
	for run := 2; run <= 3; run++ {
		was := b.until("app", stopped)
		for range 2 {
			must(t, b.RestartContainer(b.ctx, b.task, "app", run))
		}
		is := b.until("app", func(c engine.ContainerStatus) bool { return stopped(c) && c.Runs == run })
		if is.RuntimeID != was.RuntimeID || !is.StartedAt.After(was.StartedAt) {
			t.Errorf("%+v became %+v", was, is)
		}
	}
	must(t, b.Engine.Close())
	b.Engine = b.open(t)
	if now := b.until("app", stopped); now.Runs != 3 {
		t.Errorf("the next agent says %+v", now)
	}
	must(t, b.StopContainer(b.ctx, b.task, "app", 0))
	b.wantKind(b.RestartContainer(b.ctx, b.task, "app", 4), engine.CannotStartContainer)
	if lines := output(t, c.Log.Dir); len(lines) != 9 {
		t.Errorf("three runs printed %d lines", len(lines))
	}
	must(t, b.RemoveTask(b.ctx, b.task))
}

func (b *bench) wantKind(err error, kind engine.Kind) {
	b.t.Helper()
	if err == nil || !strings.HasPrefix(err.Error(), string(kind)+": ") {
		b.t.Errorf("the error is %v, not a %s", err, kind)
	}
}

func TestExec(t *testing.T) {
	b := newBench(t)
	b.begin(engine.TaskSpec{NoNetwork: true}, b.container("exec", "app", "sleep"))
	run := func(spec engine.ExecSpec) (string, string, int) {
		p, err := b.Exec(b.ctx, b.task, "app", spec)
		must(t, err)
		defer p.Close()
		errOut := make(chan string, 1)
		go func() { text, _ := io.ReadAll(p.Stderr()); errOut <- string(text) }()
		out, _ := io.ReadAll(p.Stdout())
		code, err := p.Wait(b.ctx)
		must(t, err)
		return string(out), <-errOut, code
	}
	if out, errOut, code := run(engine.ExecSpec{Cmd: []string{"/probe", "print", "2"}}); out != "0\n" || errOut != "1\n" || code != 0 {
		t.Errorf("it prints %q and %q and ends with %d", out, errOut, code)
	}
	if out, _, _ := run(engine.ExecSpec{Cmd: []string{"/probe", "env", "A"}, Env: []string{"A=b"}}); out != "b\n" {
		t.Errorf("the variable is %q", out)
	}
	if _, _, code := run(engine.ExecSpec{Cmd: []string{"/probe", "exit", "42"}}); code != 42 {
		t.Errorf("it ends with %d", code)
	}
	_, err := b.Exec(b.ctx, b.task, "app", engine.ExecSpec{Cmd: []string{"/nope"}})
	b.wantKind(err, engine.CannotExec)
	p, err := b.Exec(b.ctx, b.task, "app", engine.ExecSpec{Cmd: []string{"/probe", "stubborn"}, TTY: true, Size: engine.WindowSize{Width: 100, Height: 30}})
	must(t, err)
	text := make([]byte, 7)
	_, err = io.ReadFull(p.Stdout(), text)
	if must(t, err); string(text) != "ready\r\n" {
		t.Errorf("the terminal shows %q", text)
	}
	must(t, p.Resize(engine.WindowSize{Width: 80, Height: 24}))
	must(t, p.Close())
	if code, err := p.Wait(b.ctx); err != nil || code != 137 {
		t.Errorf("closed, it ended with %d, %v", code, err)
	}
	if c := b.until("app", func(c engine.ContainerStatus) bool { return true }); c.State != engine.Running {
		t.Errorf("the container is %s", c.State)
	}
	must(t, b.RemoveTask(b.ctx, b.task))
}

func TestStats(t *testing.T) {
	b := newBench(t)
	b.begin(engine.TaskSpec{NoNetwork: true}, b.container("stats", "app", "sleep"), b.container("stats", "job", "exit", "0"))
	b.until("job", stopped)
	stats, err := b.Stats(b.ctx, b.task)
	must(t, err)
	if len(stats) != 1 || stats[0].Name != "app" || stats[0].Stats.MemoryStats.Usage == 0 || stats[0].Stats.CPUStats.CPUUsage.TotalUsage == 0 {
		t.Errorf("it uses %+v", stats)
	}
	must(t, b.RemoveTask(b.ctx, b.task))
}

func TestVolumes(t *testing.T) {
	b := newBench(t)
	shared := engine.VolumeSpec{Name: "shared-" + random(4), Labels: map[string]string{"a": "b"}}
	for range 2 {
		v, err := b.CreateVolume(b.ctx, shared)
		must(t, err)
		if v.Path == "" || v.CreatedAt.IsZero() || v.Labels["a"] != "b" {
			t.Errorf("it is %+v", v)
		}
	}
	b.begin(engine.TaskSpec{NoNetwork: true})
	_, err := b.CreateVolume(b.ctx, engine.VolumeSpec{Name: "own-" + b.task, Task: b.task})
	must(t, err)
	writer, reader := b.container("volume", "writer", "write", "/v/file"), b.container("volume", "reader", "cat", "/v/file")
	for _, c := range []*engine.ContainerSpec{&writer, &reader} {
		c.Host.Mounts = []mount.Mount{{Type: mount.TypeVolume, Source: shared.Name, Target: "/v"}}
		must(t, b.CreateContainer(b.ctx, b.task, *c))
		must(t, b.StartContainer(b.ctx, b.task, c.Name))
		if s := b.until(c.Name, stopped); s.ExitCode != 0 {
			t.Errorf("%s is %+v", c.Name, s)
		}
	}
	if err := b.RemoveVolume(b.ctx, shared.Name); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("removing a volume that is in use: %v", err)
	}
	if lines := output(t, reader.Log.Dir); len(lines) != 1 || string(lines[0].Text) != "written" {
		t.Errorf("the reader prints %+v", lines)
	}
	must(t, b.RemoveTask(b.ctx, b.task))
	left, err := b.Volumes(b.ctx)
	must(t, err)
	if len(left) != 1 || left[0].Name != shared.Name {
		t.Errorf("left are %+v", left)
	}
	must(t, b.RemoveVolume(b.ctx, shared.Name))
	if err := b.RemoveVolume(b.ctx, shared.Name); err == nil {
		t.Error("a volume was removed twice")
	}
}

func TestOutputOverRestartsOfTheAgent(t *testing.T) {
	b := newBench(t)
	c := b.container("output", "app", "count", "500")
	c.Log.MaxBytes = 64 << 20
	b.begin(engine.TaskSpec{NoNetwork: true}, c)
	for i := range 3 {
		awaitLines(t, c.Log.Dir, 400*(i+1))
		must(t, b.Engine.Close())
		b.Engine = b.open(t)
	}
	must(t, b.StopContainer(b.ctx, b.task, "app", 10*time.Second))
	lines := output(t, c.Log.Dir)
	for i, l := range lines {
		if string(l.Text) != fmt.Sprint(i) || l.Stream != spool.Stdout || l.Partial || i > 0 && l.Time.Before(lines[i-1].Time) {
			t.Fatalf("line %d is %+v %q", i, l, l.Text)
		}
	}
	must(t, b.RemoveTask(b.ctx, b.task))
}

// awaitLines waits until so many lines have come.
func awaitLines(t *testing.T, dir string, lines int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := spool.Open(dir, 0)
	must(t, err)
	defer r.Close()
	batch := make([]spool.Line, 1)
	for range lines {
		_, err := r.Read(ctx, batch)
		must(t, err)
	}
}

func TestLongAndEmptyLines(t *testing.T) {
	b := newBench(t)
	c := b.container("long", "app", "print", "2", fmt.Sprint(40<<10))
	b.begin(engine.TaskSpec{NoNetwork: true}, c)
	b.until("app", stopped)
	length := map[spool.Stream]int{}
	for _, l := range output(t, c.Log.Dir) {
		if length[l.Stream] += len(l.Text); l.Partial != (length[l.Stream] < 40<<10+1) {
			t.Errorf("after %d bytes a piece is partial: %v", length[l.Stream], l.Partial)
		}
	}
	if length[spool.Stdout] != 40<<10+1 || length[spool.Stderr] != 40<<10+1 {
		t.Errorf("the lines have %v bytes", length)
	}
	must(t, b.RemoveTask(b.ctx, b.task))
}

func TestOutOfMemory(t *testing.T) {
	b := newBench(t)
	c := b.container("oom", "app", "eat", "200")
	b.begin(engine.TaskSpec{NoNetwork: true, Memory: 64 << 20}, c)
	if s := b.until("app", stopped); s.ExitCode != 137 {
		t.Errorf("it is %+v", s)
	}
	must(t, b.RemoveTask(b.ctx, b.task))
}

func TestImportOfAnOCIArchive(t *testing.T) {
	b := newBench(t)
	layer := archive(t, map[string]string{"hello": "world"}).String()
	config, err := json.Marshal(ocispec.Image{Platform: ocispec.Platform{OS: "linux", Architecture: goArchitecture(b.info.Architecture)},
		RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromString(layer)}}})
	must(t, err)
	of := func(mediaType, content string) ocispec.Descriptor {
		return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromString(content), Size: int64(len(content))}
	}
	manifest, err := json.Marshal(ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, Config: of(ocispec.MediaTypeImageConfig, string(config)),
		Layers: []ocispec.Descriptor{of(ocispec.MediaTypeImageLayer, layer)}})
	must(t, err)
	named := of(ocispec.MediaTypeImageManifest, string(manifest))
	named.Annotations = map[string]string{"io.containerd.image.name": "docker.io/library/oci:" + b.instance}
	index, err := json.Marshal(ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{named}})
	must(t, err)
	files := map[string]string{"oci-layout": `{"imageLayoutVersion":"1.0.0"}`, "index.json": string(index)}
	for _, blob := range []string{layer, string(config), string(manifest)} {
		files[blobs+digest.FromString(blob).Encoded()] = blob
	}
	images, err := b.ImportImage(b.ctx, archive(t, files), nil)
	must(t, err)
	if len(images) != 1 || images[0].Name != "docker.io/library/oci:"+b.instance || images[0].Digest == "" {
		t.Errorf("it has %+v", images)
	}
	pruned, err := b.PruneImages(b.ctx, engine.PruneRequest{All: true})
	must(t, err)
	if len(pruned) != 1 || pruned[0].Name != images[0].Name {
		t.Errorf("pruned are %+v", pruned)
	}
	if _, err := b.ImportImage(b.ctx, strings.NewReader("nothing of the kind"), nil); err == nil {
		t.Error("an archive that is none was taken")
	}
}

func TestAContainerWithoutALogKeepsTheDefinitionsDriver(t *testing.T) {
	b := newBench(t)
	c := b.container("driver", "app", "sleep")
	c.Log, c.DockerName = engine.LogSpec{}, "ecs-family-1-app-"+random(8)
	c.Host.LogConfig.Type, c.Host.LogConfig.Config = "json-file", map[string]string{"max-size": "5m"}
	b.begin(engine.TaskSpec{NoNetwork: true}, c)
	made, err := b.inspect(b.ctx, c.DockerName)
	must(t, err)
	if l := made.HostConfig.LogConfig; l.Type != "json-file" || l.Config["max-size"] != "5m" || made.Config.Image != "probe:test" {
		t.Errorf("Docker has %+v of %s", l, made.Config.Image)
	}
	must(t, b.RemoveTask(b.ctx, b.task))
}
