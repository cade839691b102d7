package image

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// List returns the images present, ordered by name.
func (s *Store) List(ctx context.Context) ([]engine.Image, error) {
	ctx = inside(ctx)
	all, err := s.images.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list images: %w", err)
	}
	held, err := s.leased(ctx)
	if err != nil {
		return nil, fmt.Errorf("list images: %w", err)
	}
	listed := make([]engine.Image, 0, len(all))
	for _, image := range all {
		described, err := s.describe(ctx, image)
		if errdefs.IsNotFound(err) { // removed since
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list images: %s: %w", image.Name, err)
		}
		described.InUse = held[image.Target.Digest]
		listed = append(listed, described)
	}
	slices.SortFunc(listed, func(a, b engine.Image) int { return cmp.Compare(a.Name, b.Name) })
	return listed, nil
}

// Remove removes a name; its content goes once no other name and no task refers to it. [engine.ErrNotFound] when absent.
func (s *Store) Remove(ctx context.Context, ref string) error {
	name, err := Normalize(ref)
	if err != nil {
		return fmt.Errorf("remove image %w", err)
	}
	err = s.images.Delete(inside(ctx), name)
	if errdefs.IsNotFound(err) {
		return fmt.Errorf("image %s: %w", name, engine.ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("remove image %s: %w", name, s.explain(err))
	}
	s.soil()
	return nil
}

// find returns an image that is here for a platform.
func (s *Store) find(ctx context.Context, name string, of platform) (engine.Image, error) {
	image, err := s.images.Get(ctx, name)
	if err == nil {
		err = s.unpacked(ctx, image.Target, of)
	}
	if err != nil {
		return engine.Image{}, err
	}
	return s.describeFor(ctx, image, of)
}

// describe describes an image by this machine's platform, or else by the one that it was last brought for.
func (s *Store) describe(ctx context.Context, image images.Image) (engine.Image, error) {
	described, err := s.describeFor(ctx, image, s.platform)
	if foreign := image.Labels[labelPlatform]; errdefs.IsNotFound(err) && foreign != "" {
		of, parseErr := s.platformOf(foreign)
		if parseErr != nil {
			return described, err
		}
		return s.describeFor(ctx, image, of)
	}
	return described, err
}

func (s *Store) describeFor(ctx context.Context, image images.Image, of platform) (engine.Image, error) {
	size, err := image.Size(ctx, s.content, of)
	if err != nil {
		return engine.Image{}, err
	}
	config, err := s.configOf(ctx, image.Target, of)
	if err != nil {
		return engine.Image{}, err
	}
	created := image.CreatedAt
	if config.Created != nil && config.Created.Unix() > 0 {
		created = *config.Created
	}
	return engine.Image{
		Name: image.Name, Digest: image.Target.Digest.String(), Size: size, Created: created,
		Origin: originOf(image), UsedAt: s.usage.last(image),
	}, nil
}

// configOf reads the configuration for a platform of the image that target describes.
func (s *Store) configOf(ctx context.Context, target ocispec.Descriptor, of platform) (ocispec.Image, error) {
	manifest, err := images.Manifest(ctx, s.content, target, of)
	if errdefs.IsNotFound(err) {
		return ocispec.Image{}, s.noPlatform(ctx, target, of)
	}
	if err != nil {
		return ocispec.Image{}, err
	}
	raw, err := content.ReadBlob(ctx, s.content, manifest.Config)
	if err != nil {
		return ocispec.Image{}, err
	}
	config, err := decodeConfig(raw)
	if err == nil && of.strict && config.Architecture != "" && !of.Match(ocispec.Platform{OS: "linux", Architecture: config.Architecture, Variant: config.Variant}) {
		return ocispec.Image{}, s.noPlatform(ctx, target, of)
	}
	return config, err
}

// decodeConfig is as lenient as the programs that make images.
func decodeConfig(raw []byte) (config ocispec.Image, err error) {
	err = json.UnmarshalRead(bytes.NewReader(raw), &config,
		json.MatchCaseInsensitiveNames(true), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return config, fmt.Errorf("image configuration: %w", err)
	}
	return config, nil
}
