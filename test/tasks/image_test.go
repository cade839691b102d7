package tasks

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/berth-dev/berth/test/berthtest"
)

// probe is the image of test/tasks/probe.
const probe = "probe:test"

// built is the image as a docker-archive tar. It is built once.
var built struct {
	sync.Once
	archive []byte
}

// probeArchive is a file that holds the image.
func probeArchive(t *testing.T) string {
	t.Helper()
	built.Do(func() {
		var err error
		if built.archive, err = os.ReadFile(berthtest.Archive(t, probe, "./test/tasks/probe")); err != nil {
			t.Fatal(err)
		}
	})
	path := filepath.Join(t.TempDir(), "probe.tar")
	if err := os.WriteFile(path, built.archive, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// probeImage is the image's only layer, and its configuration.
func probeImage(t *testing.T) (layer, config []byte) {
	t.Helper()
	probeArchive(t)
	for archive := tar.NewReader(bytes.NewReader(built.archive)); ; {
		file, err := archive.Next()
		if err == io.EOF {
			return layer, config
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case file.Name == "layer.tar":
			layer = data
		case strings.HasSuffix(file.Name, ".json") && file.Name != "manifest.json":
			config = data
		}
	}
}

// layerOf is a layer that holds one executable file.
func layerOf(t *testing.T, name, content string) []byte {
	t.Helper()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return layer.Bytes()
}
