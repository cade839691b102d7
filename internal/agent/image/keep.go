package image

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/containerd/v2/core/diff"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/unpack"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/image-spec/identity"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// keep unpacks the image that target describes for a platform and gives it its name. bring makes content
// present and is called before it is read.
func (s *Store) keep(ctx context.Context, name string, target ocispec.Descriptor, of platform, bring images.HandlerFunc, p *progress) (engine.Image, error) {
	if err := s.unpack(ctx, target, of, bring, p); err != nil {
		return engine.Image{}, err
	}
	image := images.Image{Name: name, Target: target, Labels: map[string]string{labelOrigin: string(engine.FromRegistry)}}
	if of.foreign != "" {
		image.Labels[labelPlatform] = of.foreign
	}
	if err := s.name(ctx, image, of); err != nil {
		return engine.Image{}, err
	}
	p.finish()
	return s.find(ctx, name, of)
}

// name gives an unpacked image its name, once it is sure that it is one for the platform.
func (s *Store) name(ctx context.Context, image images.Image, of platform) error {
	if err := s.unpacked(ctx, image.Target, of); err != nil {
		return err
	}
	return s.setName(ctx, image)
}

func (s *Store) unpack(ctx context.Context, target ocispec.Descriptor, of platform, bring images.HandlerFunc, p *progress) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	unpacker, err := unpack.NewUnpacker(ctx, s.content,
		unpack.WithUnpackPlatform(unpack.Platform{
			Platform:       of,
			Snapshotter:    s.snaps,
			SnapshotterKey: snapshotter,
			Applier:        s.applier,
			// A layer is on disk before the database says that it is there.
			ApplyOpts: []diff.ApplyOpt{diff.WithSyncFs(true)},
		}),
		unpack.WithDuplicationSuppressor(s.locks),
		unpack.WithLimiter(s.downloads),
	)
	if err != nil {
		return err
	}
	children := images.ChildrenHandler(s.content)
	children = images.SetChildrenMappedLabels(s.content, children, images.ChildGCLabelsFilterLayers)
	children = images.LimitManifests(images.FilterPlatforms(children, of), of, 1)
	handler := unpacker.Unpack(images.Handlers(bring, p.manifests(configured(children))))
	if err := images.Dispatch(ctx, handler, nil, target); err != nil {
		cancel()
		_, _ = unpacker.Wait()
		if strings.Contains(err.Error(), "no match for platform in manifest") {
			return s.noPlatform(ctx, target, of)
		}
		return err
	}
	_, err = unpacker.Wait()
	return err
}

// unpacked checks that the image has a file system for a platform.
func (s *Store) unpacked(ctx context.Context, target ocispec.Descriptor, of platform) error {
	config, err := s.configOf(ctx, target, of)
	if err != nil {
		return err
	}
	if len(config.RootFS.DiffIDs) == 0 {
		return nil
	}
	_, err = s.snaps.Stat(ctx, identity.ChainID(config.RootFS.DiffIDs).String())
	if errdefs.IsNotFound(err) {
		return s.noPlatform(ctx, target, of)
	}
	return err
}

func (s *Store) setName(ctx context.Context, image images.Image) error {
	image.Labels[labelCame] = time.Now().UTC().Format(time.RFC3339Nano)
	_, err := s.images.Create(ctx, image)
	if errdefs.IsAlreadyExists(err) {
		_, err = s.images.Update(ctx, image)
	}
	if errdefs.IsNotFound(err) { // removed in between
		_, err = s.images.Create(ctx, image)
	}
	s.soil() // the name may have been another image's
	return err
}

// explain turns what the disk says into a sentence.
func (s *Store) explain(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || strings.Contains(err.Error(), syscall.ENOSPC.Error()) {
		return fmt.Errorf("no space left on device: the image store %s is full; make room or remove images: %w", s.config.Dir, err)
	}
	return err
}
