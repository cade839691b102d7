//go:build linux

package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/docker/dockertest"
	"github.com/berth-dev/berth/internal/agent/engine/enginetest"
	"github.com/berth-dev/berth/internal/agent/spool"
)

const testImage = "probe:test"

// daemon is shared by the tests that leave it alone.
var daemon = sync.OnceValues(dockertest.New)

// programs are built once for all tests.
var programs = sync.OnceValues(func() (p struct{ dir, probe, pause string }, err error) {
	if p.dir, err = os.MkdirTemp("", "berth-docker-test-"); err != nil {
		return p, err
	}
	if p.probe, err = enginetest.BuildProbe(p.dir); err != nil {
		return p, err
	}
	p.pause = filepath.Join(p.dir, "berth-pause")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", p.pause, "github.com/berth-dev/berth/cmd/berth-pause")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return p, errors.New(string(out))
	}
	return p, nil
})

func TestMain(m *testing.M) {
	used := dockertest.Available() == nil
	code := m.Run()
	if used {
		if d, err := daemon(); err == nil {
			d.End()
		}
	}
	if p, _ := programs(); p.dir != "" {
		os.RemoveAll(p.dir)
	}
	os.Exit(code)
}

// machine is one instance's place on a daemon.
type machine struct {
	*dockertest.Daemon
	instance, dir string
}

// newMachine uses the shared daemon.
func newMachine(t testing.TB) *machine {
	t.Helper()
	dockertest.Skip(t)
	d, err := daemon()
	must(t, err)
	return machineOn(t, d)
}

func machineOn(t testing.TB, d *dockertest.Daemon) *machine {
	t.Helper()
	m := &machine{Daemon: d, instance: random(4), dir: t.TempDir()}
	e := m.open(t)
	program, err := os.ReadFile(mustPrograms(t).probe)
	must(t, err)
	answer, err := e.api.ImageImport(t.Context(), client.ImageImportSource{SourceName: "-", Source: archive(t, map[string]string{
		"probe": string(program), "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n"})}, testImage, client.ImageImportOptions{})
	must(t, err)
	_, err = io.Copy(io.Discard, answer)
	must(t, err)
	must(t, e.Close())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		api, err := d.Client()
		must(t, err)
		defer api.Close()
		if err := Clean(ctx, api, m.instance); err != nil {
			t.Error(err)
		}
	})
	return m
}

func mustPrograms(t testing.TB) struct{ dir, probe, pause string } {
	t.Helper()
	p, err := programs()
	must(t, err)
	return p
}

// open opens an engine, as a starting agent does.
func (m *machine) open(t testing.TB) *Engine {
	t.Helper()
	api, err := m.Client()
	must(t, err)
	e, err := New(t.Context(), Config{Instance: m.instance, Dir: filepath.Join(m.dir, "docker"), Client: api,
		Pause: func(string) ([]byte, error) { return os.ReadFile(mustPrograms(t).pause) },
		Log:   slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	must(t, err)
	t.Cleanup(func() { e.Close() })
	return e
}

// container is a container of the test image that runs the probe.
func (m *machine) container(log, name string, args ...string) engine.ContainerSpec {
	c := engine.ContainerSpec{Name: name, Image: testImage, Log: engine.LogSpec{Dir: filepath.Join(m.dir, "spool", log, name), MaxBytes: 1 << 20}}
	c.Config.Cmd = append([]string{"/probe"}, args...)
	return c
}

func random(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// awaitLine reads a spool until a line comes.
func awaitLine(t testing.TB, dir, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := spool.Open(dir, 0)
	must(t, err)
	defer r.Close()
	batch := make([]spool.Line, 1)
	for {
		if _, err := r.Read(ctx, batch); err != nil {
			t.Fatalf("%q never came: %v", want, err)
		}
		if string(batch[0].Text) == want {
			return
		}
	}
}

// output reads a spool to its end.
func output(t testing.TB, dir string) (lines []spool.Line) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := spool.Open(dir, 0)
	must(t, err)
	defer r.Close()
	batch := make([]spool.Line, 100)
	for {
		n, err := r.Read(ctx, batch)
		lines = append(lines, batch[:n]...)
		if errors.Is(err, io.EOF) {
			return lines
		}
		must(t, err)
	}
}

// archive is a tar of files.
func archive(t testing.TB, files map[string]string) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, content := range files {
		must(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))}))
		_, err := w.Write([]byte(content))
		must(t, err)
	}
	must(t, w.Close())
	return &b
}
