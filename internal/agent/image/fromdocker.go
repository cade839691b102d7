package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/images/archive"
	"github.com/distribution/reference"
	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/docker"
)

// dockerRest is how long a Docker that does not answer as it should is left alone, so that not every start waits for it.
const dockerRest = 30 * time.Second

// dockerHealth is what is known of the Docker daemon.
type dockerHealth struct {
	mu    sync.Mutex
	err   error // why it is left alone
	until time.Time
}

// local returns the image that this machine has under a name: the store's, or Docker's, which is copied if it is not the
// one that the store has. ErrNotFound when there is none; any other error says that Docker may have one, and why that is
// not known.
func (s *Store) local(ctx context.Context, name string, of platform, p *progress) (engine.Image, error) {
	here, err := s.images.Get(ctx, name)
	present := err == nil && s.unpacked(ctx, here.Target, of) == nil
	there, err := s.inDocker(ctx, name, of)
	switch {
	case err == nil && (!present || s.supersedes(there, here)):
		image, err := s.copyFromDocker(ctx, name, there, of, p)
		if err != nil {
			return engine.Image{}, fmt.Errorf("copy %s from Docker: %w", name, s.explain(err))
		}
		return image, nil
	case present:
		return s.describeFor(ctx, here, of)
	case err == nil, errors.Is(err, docker.ErrNoDaemon), errors.Is(err, docker.ErrNoImage):
		return engine.Image{}, engine.ErrNotFound
	}
	return engine.Image{}, err
}

// inDocker asks Docker for an image for a platform.
func (s *Store) inDocker(ctx context.Context, name string, of platform) (docker.Image, error) {
	if s.config.Docker == nil {
		return docker.Image{}, docker.ErrNoDaemon
	}
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return docker.Image{}, err
	}
	if err := s.docker.resting(); err != nil {
		return docker.Image{}, err
	}
	image, err := s.config.Docker.Image(ctx, named)
	switch pinned, ok := named.(reference.Digested); {
	case errors.Is(err, docker.ErrNoDaemon), errors.Is(err, docker.ErrNoImage), ctx.Err() != nil:
		return image, err
	case err != nil:
		s.config.Log.Warn("Docker's images are not used for now", "error", err, "for", dockerRest)
		s.docker.rest(err)
		return image, err
	case ok && image.Digest != pinned.Digest():
		return image, docker.ErrNoImage // what Docker gives out has another digest
	case !of.Match(image.Platform):
		return image, docker.ErrNoImage
	}
	return image, nil
}

func (h *dockerHealth) resting() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Now().Before(h.until) {
		return h.err
	}
	return nil
}

func (h *dockerHealth) rest(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err, h.until = err, time.Now().Add(dockerRest)
}

// supersedes tells whether Docker's image takes the place of the store's: a copy that is not Docker's any more, or one from
// elsewhere that is older than Docker's name for its own.
func (s *Store) supersedes(there docker.Image, here images.Image) bool {
	if originOf(here) == engine.FromDocker {
		return there.ID != here.Labels[labelDockerID]
	}
	return there.TaggedAt.After(came(here))
}

func (s *Store) copyFromDocker(ctx context.Context, name string, there docker.Image, of platform, p *progress) (engine.Image, error) {
	ctx, drop, err := s.hold(ctx)
	if err != nil {
		return engine.Image{}, err
	}
	defer drop()
	p.change(func(at *engine.PullProgress) {
		*at = engine.PullProgress{Status: "copying from Docker", Layers: 1, Bytes: there.Size}
	})
	saving, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	body := &patientBody{ctx: saving, cancel: cancel, stall: s.config.Export, host: "Docker"}
	body.timer = time.AfterFunc(s.config.Export, func() { cancel(errStalled) })
	if body.ReadCloser, err = s.config.Docker.Save(saving, there.ID); err != nil {
		return engine.Image{}, err
	}
	defer body.Close()
	target, err := s.load(ctx, &reportingReader{r: body, report: func(at engine.PullProgress) {
		p.change(func(now *engine.PullProgress) { now.Complete = min(at.Complete, now.Bytes) })
	}})
	if err != nil {
		return engine.Image{}, err
	}
	if pinned, err := reference.Parse(name); err == nil {
		if pinned, ok := pinned.(reference.Digested); ok && pinned.Digest() != target.Digest {
			return engine.Image{}, fmt.Errorf("it gave out %s instead", target.Digest)
		}
	}
	p.change(func(at *engine.PullProgress) { at.Status = "unpacking" })
	if err := s.unpack(ctx, target, of, isHere, newProgress()); err != nil {
		return engine.Image{}, archiveError(err)
	}
	image := images.Image{Name: name, Target: target, Labels: map[string]string{
		labelOrigin: string(engine.FromDocker), labelDockerID: there.ID,
	}}
	if of.foreign != "" {
		image.Labels[labelPlatform] = of.foreign
	}
	if err := s.name(ctx, image, of); err != nil {
		return engine.Image{}, err
	}
	p.change(func(at *engine.PullProgress) { at.Status, at.Done, at.Complete = "done", at.Layers, at.Bytes })
	return s.find(ctx, name, of)
}

// load reads an archive of one image, whatever names it has there.
func (s *Store) load(ctx context.Context, r io.Reader) (ocispec.Descriptor, error) {
	index, err := archive.ImportIndex(ctx, ownIngests{s.content, uuid.NewString()}, r)
	if err != nil {
		return ocispec.Descriptor{}, archiveError(err)
	}
	raw, err := content.ReadBlob(ctx, s.content, index)
	if err != nil {
		return ocispec.Descriptor{}, archiveError(err)
	}
	var list ocispec.Index
	if err := json.Unmarshal(raw, &list); err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("its index: %w", err)
	}
	found := map[digest.Digest]ocispec.Descriptor{}
	for _, target := range list.Manifests {
		found[target.Digest] = target
	}
	if len(found) != 1 {
		return ocispec.Descriptor{}, fmt.Errorf("it holds %d images instead of one", len(found))
	}
	return list.Manifests[0], nil
}
