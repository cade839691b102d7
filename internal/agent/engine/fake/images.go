package fake

import (
	"archive/tar"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/distribution/reference"
	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/agent/engine"
)

func (h *handle) PullImage(ctx context.Context, req engine.PullRequest, progress func(engine.PullProgress)) (engine.Image, error) {
	script := h.script(req.Reference)
	name := normalise(req.Reference)
	h.m.mu.Lock()
	image, present := h.m.images[name]
	h.m.mu.Unlock()
	if present && req.Policy == engine.PullIfAbsent {
		script.PullTakes, script.PullFails = 0, ""
	}
	if err := wait(ctx, script.PullTakes); err != nil {
		return engine.Image{}, err
	}
	if script.PullFails != "" {
		return engine.Image{}, failure(engine.CannotPullContainer, script.PullFails)
	}
	if !present {
		image = h.m.add(name)
	}
	if progress != nil {
		progress(engine.PullProgress{Status: "done", Layers: 1, Done: 1})
	}
	return image, nil
}

// ImportImage takes the names in a docker-archive or OCI tar; there is no content to keep.
func (h *handle) ImportImage(ctx context.Context, archive io.Reader, progress func(engine.PullProgress)) ([]engine.Image, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	names, err := namesIn(archive)
	if err != nil {
		return nil, fmt.Errorf("read the image archive: %w", err)
	}
	var images []engine.Image
	for _, name := range names {
		images = append(images, h.m.add(normalise(name)))
	}
	if progress != nil {
		progress(engine.PullProgress{Status: "done", Layers: 1, Done: 1})
	}
	return images, nil
}

func namesIn(archive io.Reader) ([]string, error) {
	var names []string
	files := tar.NewReader(archive)
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch header.Name {
		case "manifest.json":
			var images []struct{ RepoTags []string }
			if err := json.UnmarshalRead(files, &images); err != nil {
				return nil, err
			}
			for _, i := range images {
				names = append(names, i.RepoTags...)
			}
		case "index.json":
			var index struct {
				Manifests []struct {
					Annotations map[string]string `json:"annotations"`
				} `json:"manifests"`
			}
			if err := json.UnmarshalRead(files, &index); err != nil {
				return nil, err
			}
			for _, m := range index.Manifests {
				names = append(names, m.Annotations["io.containerd.image.name"])
			}
		}
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n == "" })
	slices.Sort(names)
	if names = slices.Compact(names); len(names) == 0 {
		return nil, errors.New("it names no image")
	}
	return names, nil
}

func (h *handle) Images(ctx context.Context) ([]engine.Image, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	return slices.SortedFunc(maps.Values(h.m.images), func(a, b engine.Image) int { return cmp.Compare(a.Name, b.Name) }), nil
}

func (h *handle) RemoveImage(ctx context.Context, name string) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if _, ok := h.m.images[normalise(name)]; !ok {
		return fmt.Errorf("image %s: %w", name, engine.ErrNotFound)
	}
	delete(h.m.images, normalise(name))
	return nil
}

// PruneImages removes every image that no task has a container of; they all count as pulled and as unused for long.
func (h *handle) PruneImages(ctx context.Context, _ engine.PruneRequest) ([]engine.Image, error) {
	all, err := h.Images(ctx)
	if err != nil {
		return nil, err
	}
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	return slices.DeleteFunc(all, func(i engine.Image) bool {
		used := h.m.uses(i.Digest)
		if !used {
			delete(h.m.images, i.Name)
		}
		return used
	}), nil
}

func (m *Machine) add(name string) engine.Image {
	m.mu.Lock()
	defer m.mu.Unlock()
	if image, ok := m.images[name]; ok {
		return image
	}
	image := engine.Image{Name: name, Digest: fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(name))), Size: 1 << 20, Created: time.Now(), Origin: engine.FromRegistry}
	m.images[name] = image
	return image
}

// normalise is the full name of a reference: "busybox" is docker.io/library/busybox:latest.
func normalise(name string) string {
	if ref, err := reference.ParseDockerRef(name); err == nil {
		return ref.String()
	}
	return name
}
