package image

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/berth-dev/berth/internal/agent/engine/native"
)

// testStore opens a store that gives up early and repeats at once.
func testStore(t testing.TB, dir string) *Store {
	t.Helper()
	return openStore(t, Config{Dir: dir, Connect: time.Second, Respond: 200 * time.Millisecond, Stall: 200 * time.Millisecond})
}

// openStore opens a store that repeats at once and is set up as config says.
func openStore(t testing.TB, config Config) *Store {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("unpacking needs root")
	}
	config.Backoff, config.Log = time.Millisecond, slog.New(slog.DiscardHandler)
	config.Hello = func() ([]byte, error) { return []byte("#!/hello"), nil }
	s, err := Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// testImage is an image in memory.
type testImage struct {
	target ocispec.Descriptor
	blobs  []blob
}

func (i testImage) layer() blob { return i.blobs[0] }

type file struct{ name, content string }

// buildImage makes an image of one layer a file.
func buildImage(t testing.TB, arch string, files ...file) testImage {
	t.Helper()
	var image testImage
	manifest := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	config := ocispec.Image{
		Platform: ocispec.Platform{OS: "linux", Architecture: arch},
		Config:   ocispec.ImageConfig{Cmd: []string{"/" + files[0].name}},
		RootFS:   ocispec.RootFS{Type: "layers"},
	}
	for _, f := range files {
		layer := newBlob(ocispec.MediaTypeImageLayer, tarOf(t, f))
		image.blobs = append(image.blobs, layer)
		manifest.Layers = append(manifest.Layers, layer.desc)
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, layer.desc.Digest)
	}
	configBlob := mustJSON(t, ocispec.MediaTypeImageConfig, config)
	manifest.Config = configBlob.desc
	manifestBlob := mustJSON(t, ocispec.MediaTypeImageManifest, manifest)
	image.blobs = append(image.blobs, configBlob, manifestBlob)
	image.target = manifestBlob.desc
	return image
}

// buildIndex makes an image for several platforms.
func buildIndex(t testing.TB, platforms map[string]testImage) testImage {
	t.Helper()
	var image testImage
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex}
	for arch, i := range platforms {
		desc := i.target
		desc.Platform = &ocispec.Platform{OS: "linux", Architecture: arch}
		index.Manifests = append(index.Manifests, desc)
		image.blobs = append(image.blobs, i.blobs...)
	}
	indexBlob := mustJSON(t, ocispec.MediaTypeImageIndex, index)
	image.blobs = append(image.blobs, indexBlob)
	image.target = indexBlob.desc
	return image
}

func mustJSON(t testing.TB, mediaType string, v any) blob {
	t.Helper()
	b, err := jsonBlob(mediaType, v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func tarOf(t testing.TB, files ...file) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o755, Size: int64(len(f.content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// ociArchive is what `skopeo copy oci-archive:` writes.
func ociArchive(t testing.TB, name string, image testImage) []byte {
	t.Helper()
	target := image.target
	if name != "" {
		target.Annotations = map[string]string{ocispec.AnnotationRefName: name}
	}
	index := mustJSON(t, "", ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: []ocispec.Descriptor{target}})
	files := []file{{"oci-layout", `{"imageLayoutVersion":"1.0.0"}`}, {"index.json", string(index.data)}}
	for _, b := range image.blobs {
		files = append(files, file{"blobs/sha256/" + b.desc.Digest.Encoded(), string(b.data)})
	}
	return tarOf(t, files...)
}

// dockerArchive is what `docker save` writes.
func dockerArchive(t testing.TB, name string, image testImage) []byte {
	t.Helper()
	layers, config := image.blobs[:len(image.blobs)-2], image.blobs[len(image.blobs)-2]
	files := []file{{"config.json", string(config.data)}}
	var names []string
	for i, layer := range layers {
		path := fmt.Sprintf("%d/layer.tar", i)
		files = append(files, file{path, string(layer.data)})
		names = append(names, path)
	}
	var tags []string
	if name != "" {
		tags = []string{name}
	}
	manifest := mustJSON(t, "", []map[string]any{{"Config": "config.json", "RepoTags": tags, "Layers": names}})
	return tarOf(t, append(files, file{"manifest.json", string(manifest.data)})...)
}

// read mounts a root file system for a moment and returns a file of it.
func read(t testing.TB, root native.Rootfs, name string) string {
	t.Helper()
	dir := t.TempDir()
	for _, m := range root.Mounts {
		if err := (&mount.Mount{Type: m.Type, Source: m.Source, Options: m.Options}).Mount(dir); err != nil {
			t.Fatal(err)
		}
	}
	defer func() {
		if err := mount.UnmountAll(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// left lists all that a store keeps: blobs, half-written blobs and file systems, by the database and on disk.
func left(t testing.TB, s *Store) (left []string) {
	t.Helper()
	if err := s.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx := inside(t.Context())
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.content.Walk(ctx, func(i content.Info) error { left = append(left, "blob "+i.Digest.String()); return nil }))
	ingests, err := s.content.ListStatuses(ctx)
	must(err)
	for _, i := range ingests {
		left = append(left, "ingest "+i.Ref)
	}
	must(s.snaps.Walk(ctx, func(_ context.Context, i snapshots.Info) error { left = append(left, "snapshot "+i.Name); return nil }))
	must(filepath.WalkDir(filepath.Join(s.config.Dir, "content"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			left = append(left, "file "+path)
		}
		return err
	}))
	dirs, err := os.ReadDir(filepath.Join(s.config.Dir, snapshotter, "snapshots"))
	must(err)
	for _, d := range dirs {
		left = append(left, "directory "+d.Name())
	}
	return left
}

func nothingLeft(t testing.TB, s *Store) {
	t.Helper()
	if left := left(t, s); len(left) > 0 {
		t.Errorf("left over:\n%s", strings.Join(left, "\n"))
	}
}

var thisArch = runtime.GOARCH

func digestOf(s string) string { return digest.FromString(s).String() }
