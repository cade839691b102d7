package berthtest

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/go-json-experiment/json"
)

// Archive builds the Go program of a package of this module and wraps it into a docker-archive tar: an image of that
// name whose entry point is the program, /main. It is built with the flags of `go test`, whose compiled packages it shares.
func Archive(t testing.TB, name, pkg string) string {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "main")
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", program, pkg)
	build.Dir, build.Env = Root(t), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, out)
	}
	binary, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	layer := tarOf(t, []entry{{"main", binary, 0o755}})
	config := marshal(t, map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Entrypoint": []string{"/main"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + digest(layer)}},
	})
	manifest := marshal(t, []map[string]any{{"Config": digest(config) + ".json", "RepoTags": []string{name}, "Layers": []string{"layer.tar"}}})
	archive := filepath.Join(dir, "image.tar")
	whole := tarOf(t, []entry{{digest(config) + ".json", config, 0o644}, {"layer.tar", layer, 0o644}, {"manifest.json", manifest, 0o644}})
	if err := os.WriteFile(archive, whole, 0o644); err != nil {
		t.Fatal(err)
	}
	return archive
}

type entry struct {
	name string
	data []byte
	mode int64
}

func tarOf(t testing.TB, entries []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		if err := w.WriteHeader(&tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(e.data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
