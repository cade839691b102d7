package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// image is Berth itself in an OCI image of one layer, in the archive form of an image layout. A manifest.json beside it is
// what older programs read, docker load before version 25 among them.
func (r *release) image() (string, error) {
	image, err := r.compose()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "berth-image-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	index, err := layout.Write(dir, empty.Index)
	if err != nil {
		return "", err
	}
	name := "berth:" + r.version
	if err := index.AppendImage(image, layout.WithAnnotations(map[string]string{
		"io.containerd.image.name": "docker.io/library/" + name, "org.opencontainers.image.ref.name": r.version,
	})); err != nil {
		return "", err
	}
	if err := writeManifest(filepath.Join(dir, "manifest.json"), name, image); err != nil {
		return "", err
	}
	return r.create(r.named(".oci.tar"), func(out *os.File) error { return r.pack(out, dir) })
}

// compose makes the image: the program, its documents, and a directory for /tmp.
func (r *release) compose() (v1.Image, error) {
	var content bytes.Buffer
	t := tar.NewWriter(&content)
	err := errors.Join(
		t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777, ModTime: r.time}),
		r.add(t, "usr/bin/berth", r.program(), 0o755),
	)
	for _, name := range documents {
		err = errors.Join(err, r.add(t, "usr/share/doc/berth/"+name, filepath.Join(r.root, name), 0o644))
	}
	if err := errors.Join(err, t.Close()); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content.Bytes())), nil },
		tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.Append(base, mutate.Addendum{Layer: layer, History: v1.History{
		Created: v1.Time{Time: r.time}, CreatedBy: "make package", Comment: "berth " + r.version,
	}})
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Created = "linux", r.arch, v1.Time{Time: r.time}
	file.Config = v1.Config{
		Entrypoint: []string{"/usr/bin/berth"}, Cmd: []string{"dev"}, Env: []string{"PATH=/usr/bin"}, StopSignal: "SIGTERM",
		Volumes: map[string]struct{}{"/var/lib/berth": {}},
		Labels: map[string]string{
			"org.opencontainers.image.title": "berth", "org.opencontainers.image.version": r.version,
			"org.opencontainers.image.licenses": "Apache-2.0", "org.opencontainers.image.source": "https://github.com/berth-dev/berth",
		},
	}
	return mutate.ConfigFile(image, file)
}

// writeManifest says which of a layout's blobs are the image's, in the form of docker save.
func writeManifest(path, name string, image v1.Image) error {
	manifest, err := image.Manifest()
	if err != nil {
		return err
	}
	blob := func(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }
	entry := tarball.Descriptor{Config: blob(manifest.Config.Digest), RepoTags: []string{name}}
	for _, l := range manifest.Layers {
		entry.Layers = append(entry.Layers, blob(l.Digest))
	}
	content, err := json.Marshal(tarball.Manifest{entry})
	if err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o644)
}

// pack writes all files below a directory into an archive, in the order of their names.
func (r *release) pack(out io.Writer, dir string) error {
	t := tar.NewWriter(out)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return r.add(t, filepath.ToSlash(name), path, 0o644)
	})
	if err != nil {
		return fmt.Errorf("pack the image: %w", err)
	}
	return t.Close()
}
