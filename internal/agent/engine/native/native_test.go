package native

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/enginetest"
	"github.com/berth-dev/berth/internal/agent/spool"
	"github.com/berth-dev/berth/internal/shim"
)

// built is where programs puts what it builds; empty until it is called.
var built string

// programs are built once for all tests.
var programs = sync.OnceValues(func() (p struct{ dir, shim, probe string }, err error) {
	if p.dir, err = os.MkdirTemp("", "berth-native-test-"); err != nil {
		return p, err
	}
	built = p.dir
	var shimErr, probeErr error
	var building sync.WaitGroup
	building.Go(func() { p.shim, shimErr = enginetest.BuildShim(p.dir) })
	building.Go(func() { p.probe, probeErr = enginetest.BuildProbe(p.dir) })
	building.Wait()
	return p, errors.Join(shimErr, probeErr)
})

func TestMain(m *testing.M) {
	if agentMain() {
		os.Exit(0)
	}
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

// machine is one instance's place on this machine, with its image store.
type machine struct {
	instance, run, dir string
	images             *dirImages
	shim               string
}

func newMachine(t testing.TB) *machine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("containers need root")
	}
	p, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{instance: randomID(4), dir: t.TempDir(), shim: p.shim}
	m.run = "/run/berth/" + m.instance
	m.images = newDirImages(t, filepath.Join(m.dir, "images"), p.probe)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := errors.Join(Clean(ctx, m.instance, m.run), os.RemoveAll(m.run)); err != nil {
			t.Error(err)
		}
	})
	return m
}

func (m *machine) config() Config {
	return Config{
		Instance: m.instance, RunDir: m.run, BinDir: filepath.Join(m.dir, "bin"), Volumes: filepath.Join(m.dir, "volumes"), Images: m.images, Shim: m.shim,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
}

// open opens an engine, as a starting agent does.
func (m *machine) open(t testing.TB) *Engine {
	t.Helper()
	e, err := New(t.Context(), m.config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func (m *machine) spool(task, name string) string {
	return filepath.Join(m.dir, "spool", task, name)
}

// container is a container of the test image that runs the probe.
func (m *machine) container(task, name string, args ...string) engine.ContainerSpec {
	c := engine.ContainerSpec{Name: name, Image: testImage, Log: engine.LogSpec{Dir: m.spool(task, name)}}
	c.Config.Cmd = append([]string{"/probe"}, args...)
	return c
}

func randomID(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b)
	return hex.EncodeToString(b)
}

const testImage = "docker.io/library/probe:latest"

// dirImages is an image store of one image, a directory, with an overlay for each container.
type dirImages struct {
	dir, lower string
	volumes    map[string]struct{} // that the image declares
}

func newDirImages(t testing.TB, dir, probe string) *dirImages {
	t.Helper()
	images := &dirImages{dir: dir, lower: filepath.Join(dir, "lower")}
	for path, content := range map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n",
		"etc/group":  "root:x:0:\nalice:x:1000:\naudio:x:29:alice\nvideo:x:44:\n",
	} {
		path = filepath.Join(images.lower, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod(images.lower, 0o755), copyFile(probe, filepath.Join(images.lower, "probe"))); err != nil {
		t.Fatal(err)
	}
	return images
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o755)
}

func (d *dirImages) Pull(ctx context.Context, req engine.PullRequest, _ func(engine.PullProgress)) (engine.Image, error) {
	if req.Reference != testImage {
		return engine.Image{}, &engine.Error{Kind: engine.CannotPullContainer, Err: fmt.Errorf("no such image %s", req.Reference)}
	}
	if req.Task != "" {
		if _, err := d.Prepare(ctx, req.Task, req.Container, req.Reference, ""); err != nil {
			return engine.Image{}, err
		}
	}
	return engine.Image{Name: testImage, Digest: "sha256:0"}, nil
}

func (d *dirImages) Import(context.Context, io.Reader, func(engine.PullProgress)) ([]engine.Image, error) {
	return nil, errors.New("the test's store imports nothing")
}

func (d *dirImages) List(context.Context) ([]engine.Image, error) {
	return []engine.Image{{Name: testImage, Digest: "sha256:0"}}, nil
}

func (d *dirImages) Remove(context.Context, string) error { return engine.ErrNotFound }

func (d *dirImages) Prune(context.Context, engine.PruneRequest) ([]engine.Image, error) {
	return nil, nil
}

func (d *dirImages) Prepare(_ context.Context, task, container, reference, _ string) (Rootfs, error) {
	if reference != testImage {
		return Rootfs{}, fmt.Errorf("image %s: %w", reference, engine.ErrNotFound)
	}
	at := filepath.Join(d.dir, task, container)
	upper, work := filepath.Join(at, "upper"), filepath.Join(at, "work")
	if err := errors.Join(os.MkdirAll(upper, 0o755), os.MkdirAll(work, 0o755)); err != nil {
		return Rootfs{}, err
	}
	return Rootfs{
		Digest: "sha256:0", Config: ocispec.ImageConfig{Env: []string{"FROM_IMAGE=yes"}, Volumes: d.volumes},
		Mounts: []shim.Mount{{Type: "overlay", Source: "overlay", Options: []string{"lowerdir=" + d.lower, "upperdir=" + upper, "workdir=" + work}}},
	}, nil
}

func (d *dirImages) Written(_ context.Context, task, container string) (string, error) {
	return filepath.Join(d.dir, task, container, "upper"), nil
}

func (d *dirImages) Tasks(context.Context) (tasks []string, err error) {
	entries, err := os.ReadDir(d.dir)
	for _, e := range entries {
		if e.IsDir() && e.Name() != filepath.Base(d.lower) {
			tasks = append(tasks, e.Name())
		}
	}
	return tasks, err
}

func (d *dirImages) Release(_ context.Context, task string) error {
	return os.RemoveAll(filepath.Join(d.dir, task))
}

// await waits until a task's status satisfies a condition.
func await(t testing.TB, e *Engine, task, what string, ok func(engine.TaskStatus) bool) engine.TaskStatus {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	states, err := e.Watch(ctx, task)
	if err != nil {
		t.Fatal(err)
	}
	var last engine.TaskStatus
	for s := range states {
		if last = s; ok(s) {
			return s
		}
	}
	t.Fatalf("task %s was never %s; its last state is %+v", task, what, last)
	return last
}

// output reads a complete spool.
func output(t testing.TB, dir string) []spool.Line {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := spool.Open(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all []spool.Line
	batch := make([]spool.Line, 256)
	for {
		n, err := r.Read(ctx, batch)
		all = append(all, batch[:n]...)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("read the spool after %d lines: %v", len(all), err)
		}
	}
}
