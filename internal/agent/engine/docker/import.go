package docker

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/pkg/archive/compression"
	"github.com/go-json-experiment/json"
	"github.com/moby/moby/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// ImportImage has Docker load an archive. An OCI one becomes one that older daemons read too on the way there.
func (e *Engine) ImportImage(ctx context.Context, archive io.Reader, progress func(engine.PullProgress)) ([]engine.Image, error) {
	plain, err := compression.DecompressStream(archive)
	if err != nil {
		return nil, fmt.Errorf("read the archive: %w", err)
	}
	defer plain.Close()
	if progress != nil {
		progress(engine.PullProgress{Status: "unpacking"})
	}
	r, w := io.Pipe()
	defer r.Close()
	type outcome struct {
		names []string
		err   error
	}
	passed := make(chan outcome, 1)
	go func() {
		names, err := passArchive(w, plain)
		w.CloseWithError(err)
		passed <- outcome{names, err}
	}()
	answer, err := e.api.ImageLoad(ctx, r, client.ImageLoadWithQuiet(true))
	if err == nil {
		err = loaded(answer)
	}
	r.Close()
	result := <-passed
	switch {
	case result.err != nil && !errors.Is(result.err, io.ErrClosedPipe):
		return nil, fmt.Errorf("read the archive: %w", result.err)
	case err != nil:
		return nil, explain("load the archive", err)
	}
	images := []engine.Image{}
	for _, name := range result.names {
		found, err := e.findImage(ctx, name)
		if err != nil {
			return nil, err
		}
		e.noteUse(name, true)
		images = append(images, found.image(name))
	}
	slices.SortFunc(images, func(a, b engine.Image) int { return cmp.Compare(a.Name, b.Name) })
	return images, nil
}

// loaded reads Docker's answer to its end.
func loaded(answer io.ReadCloser) error {
	defer answer.Close()
	text, err := io.ReadAll(io.LimitReader(answer, 1<<20))
	if err != nil {
		return err
	}
	for said := range bytes.SplitSeq(text, []byte{'\n'}) {
		var message struct {
			Error string `json:"error"`
		}
		if json.Unmarshal(bytes.TrimSpace(said), &message) == nil && message.Error != "" {
			return errors.New(message.Error)
		}
	}
	return nil
}

// The files of an archive that say what is in it.
const (
	dockerManifest = "manifest.json"
	maxManifest    = 4 << 20
	blobs          = "blobs/sha256/"
)

// listedImage is an image of a docker-archive.
type listedImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// passArchive copies an archive, and adds to an OCI one the list of images that a docker-archive has. It returns the
// names of the images.
func passArchive(to io.Writer, from io.Reader) (names []string, err error) {
	in, out := tar.NewReader(from), tar.NewWriter(to)
	var listed []listedImage
	small := map[string][]byte{} // what may be a manifest
	for {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := out.WriteHeader(header); err != nil {
			return nil, err
		}
		name := path.Clean(header.Name)
		content := io.Reader(in)
		if keep := header.Size <= maxManifest && (name == dockerManifest || name == ocispec.ImageIndexFile || strings.HasPrefix(name, blobs)); keep {
			text, err := io.ReadAll(in)
			if err != nil {
				return nil, err
			}
			if content = bytes.NewReader(text); len(text) > 0 && text[0] == '{' || name == dockerManifest {
				small[name] = text
			}
		}
		if _, err := io.Copy(out, content); err != nil {
			return nil, err
		}
	}
	if text, ok := small[dockerManifest]; ok {
		if err := json.Unmarshal(text, &listed); err != nil {
			return nil, fmt.Errorf("%s: %w", dockerManifest, err)
		}
	} else {
		if listed, err = listOCI(small); err != nil {
			return nil, err
		}
		text, err := json.Marshal(listed)
		if err != nil {
			return nil, err
		}
		if err := out.WriteHeader(&tar.Header{Name: dockerManifest, Mode: 0o644, Size: int64(len(text))}); err != nil {
			return nil, err
		}
		if _, err := out.Write(text); err != nil {
			return nil, err
		}
	}
	for _, image := range listed {
		for _, tag := range image.RepoTags {
			if name, err := normalize(tag); err == nil {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return nil, errors.New("no image in it has a name: save it by its name, as by `docker save NAME`")
	}
	return names, out.Close()
}

// listOCI returns the images of an OCI layout that have a name.
func listOCI(files map[string][]byte) ([]listedImage, error) {
	var index ocispec.Index
	text, ok := files[ocispec.ImageIndexFile]
	if !ok {
		return nil, errors.New("it has neither a manifest.json nor an index.json: it is no archive of images")
	}
	if err := json.Unmarshal(text, &index); err != nil {
		return nil, fmt.Errorf("%s: %w", ocispec.ImageIndexFile, err)
	}
	var listed []listedImage
	for _, d := range index.Manifests {
		name := cmp.Or(d.Annotations["io.containerd.image.name"], d.Annotations[ocispec.AnnotationRefName])
		if name == "" {
			continue
		}
		var manifest ocispec.Manifest
		if err := json.Unmarshal(files[blobs+d.Digest.Encoded()], &manifest); err != nil || len(manifest.Layers) == 0 {
			return nil, fmt.Errorf("image %s is of several platforms, or its manifest is missing: export one platform", name)
		}
		image := listedImage{Config: blobs + manifest.Config.Digest.Encoded(), RepoTags: []string{familiar(name)}}
		for _, l := range manifest.Layers {
			image.Layers = append(image.Layers, blobs+l.Digest.Encoded())
		}
		listed = append(listed, image)
	}
	return listed, nil
}
