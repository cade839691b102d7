package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/moby/moby/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// helloName is the image that berth carries inside itself.
const helloName = "docker.io/berth/hello:latest"

// normalize returns the full name of a reference as Docker reads it.
func normalize(ref string) (string, error) {
	named, err := reference.ParseDockerRef(ref)
	if err != nil {
		return "", fmt.Errorf("invalid image reference %q: %w", ref, err)
	}
	return named.String(), nil
}

// foundImage is an image that the daemon has.
type foundImage struct {
	id, name, digest string
	size             int64
	created          time.Time
}

// findImage looks an image up by its reference. engine.ErrNotFound when it is not present.
func (e *Engine) findImage(ctx context.Context, ref string) (foundImage, error) {
	name, err := normalize(ref)
	if err != nil {
		return foundImage{}, err
	}
	found := foundImage{name: familiar(name)}
	err = e.ask(ctx, askTime, "look for image "+ref, func(ctx context.Context) error {
		image, err := e.api.ImageInspect(ctx, name)
		found.id, found.size, found.created = image.ID, image.Size, timeOf(image.Created)
		found.digest = digestOf(name, image.RepoDigests, image.ID)
		return err
	})
	return found, err
}

// familiar is a name as `docker ps` shows it.
func familiar(name string) string {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return name
	}
	return reference.FamiliarString(named)
}

// digestOf is an image's digest in the registry that its name says, or where it has none the one that Docker gave it.
func digestOf(name string, digests []string, id string) string {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return id
	}
	best := id
	for _, d := range digests {
		other, err := reference.ParseNormalizedNamed(d)
		digested, ok := other.(reference.Digested)
		switch {
		case err != nil || !ok:
		case other.Name() == named.Name():
			return digested.Digest().String()
		case best == id:
			best = digested.Digest().String()
		}
	}
	return best
}

// platformOf reads "linux/arm64"; nil for the daemon's own.
func platformOf(text string) *ocispec.Platform {
	p, err := platforms.Parse(text)
	if text == "" || err != nil {
		return nil
	}
	return &p
}

// image is a found image in the engine's terms.
func (f foundImage) image(name string) engine.Image {
	return engine.Image{Name: name, Digest: f.digest, Size: f.size, Created: f.created, Origin: originOf(name, f.digest != f.id)}
}

func originOf(name string, fromRegistry bool) engine.Origin {
	switch {
	case name == helloName:
		return engine.BuiltIn
	case fromRegistry:
		return engine.FromRegistry
	}
	return engine.FromArchive // or built by this Docker: it can't be had again
}

// Images lists the images that have a name, but for those that Berth itself made for its own use.
func (e *Engine) Images(ctx context.Context) ([]engine.Image, error) {
	used, err := e.used(ctx)
	if err != nil {
		return nil, err
	}
	var list []engine.Image
	err = e.ask(ctx, askTime, "list images", func(ctx context.Context) error {
		answer, err := e.api.ImageList(ctx, client.ImageListOptions{})
		list = list[:0]
		for _, s := range answer.Items {
			for _, tag := range s.RepoTags {
				name, err := normalize(tag)
				if err != nil || strings.HasPrefix(tag, pauseRepository+":") {
					continue // "<none>:<none>"
				}
				digest := digestOf(name, s.RepoDigests, s.ID)
				list = append(list, engine.Image{Name: name, Digest: digest, Size: s.Size, Created: time.Unix(s.Created, 0),
					Origin: originOf(name, digest != s.ID), InUse: used[s.ID] || used[name]})
			}
		}
		return err
	})
	slices.SortFunc(list, func(a, b engine.Image) int { return cmp.Compare(a.Name, b.Name) })
	return list, err
}

// used are the ids of images that a container has, of Berth's or not, and the names of those that a task is about to.
func (e *Engine) used(ctx context.Context) (map[string]bool, error) {
	used := map[string]bool{}
	err := e.ask(ctx, askTime, "list containers", func(ctx context.Context) error {
		all, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: true})
		for _, c := range all.Items {
			used[c.ImageID] = true
		}
		return err
	})
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, names := range e.holds {
		for _, name := range names {
			used[name] = true
		}
	}
	return used, err
}

// RemoveImage removes a name.
func (e *Engine) RemoveImage(ctx context.Context, ref string) error {
	name, err := normalize(ref)
	if err != nil {
		return err
	}
	return e.ask(ctx, makeTime, "remove image "+ref, func(ctx context.Context) error {
		_, err := e.api.ImageRemove(ctx, name, client.ImageRemoveOptions{PruneChildren: true})
		if errdefs.IsConflict(err) { // a stopped container has it: its name goes all the same, as the contract says
			_, err = e.api.ImageRemove(ctx, name, client.ImageRemoveOptions{Force: true, PruneChildren: true})
		}
		return err
	})
}

// PruneImages removes the images that Berth had Docker fetch and that nothing has now. Those that Docker had before a task
// used them are their owner's: this is a Docker that other things use too.
func (e *Engine) PruneImages(ctx context.Context, req engine.PruneRequest) ([]engine.Image, error) {
	all, err := e.Images(ctx)
	if err != nil {
		return nil, err
	}
	removed := []engine.Image{}
	for _, image := range all {
		last, ours := e.lastUse(image.Name)
		if image.UsedAt = last; image.InUse || !ours || time.Since(last) < req.UnusedFor || !req.All && image.Origin != engine.FromRegistry && image.Origin != engine.BuiltIn {
			continue
		}
		err := e.RemoveImage(ctx, image.Name)
		switch {
		case err == nil:
			removed = append(removed, image)
			e.forgetUse(image.Name)
		case !errors.Is(err, engine.ErrNotFound):
			return removed, err
		}
	}
	return removed, nil
}
