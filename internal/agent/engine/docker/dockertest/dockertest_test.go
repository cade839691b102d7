//go:build linux

package dockertest

import (
	"io"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/berth-dev/berth/internal/agent/engine/enginetest"
)

// TestEndAfterAKill ends a daemon that was killed while a container ran: neither that nor its shim outlives it.
func TestEndAfterAKill(t *testing.T) {
	Skip(t)
	dir := t.TempDir()
	probe, err := enginetest.BuildProbe(dir)
	must(t, err)
	d, err := New()
	must(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			d.End()
		}
	})
	api, err := d.Client()
	must(t, err)
	defer api.Close()
	tar := exec.CommandContext(t.Context(), "tar", "-C", dir, "-c", filepath.Base(probe))
	files, err := tar.StdoutPipe()
	must(t, err)
	must(t, tar.Start())
	answer, err := api.ImageImport(t.Context(), client.ImageImportSource{SourceName: "-", Source: files}, "sleeper:1", client.ImageImportOptions{})
	must(t, err)
	_, err = io.Copy(io.Discard, answer)
	must(t, err)
	must(t, tar.Wait())
	made, err := api.ContainerCreate(t.Context(), client.ContainerCreateOptions{
		Config:     &container.Config{Image: "sleeper:1", Cmd: []string{"/" + filepath.Base(probe), "sleep"}},
		HostConfig: &container.HostConfig{NetworkMode: "none"}})
	must(t, err)
	_, err = api.ContainerStart(t.Context(), made.ID, client.ContainerStartOptions{})
	must(t, err)

	d.Stop(true)
	left := running(d.Dir)
	if len(left) < 2 {
		t.Fatalf("of a killed daemon there run %v: not a shim and a container", left)
	}
	d.End()
	for _, pid := range left {
		if _, gone := parentOf(pid); !gone {
			t.Errorf("process %d outlives the daemon", pid)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
