package image

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/platforms"
	"github.com/go-json-experiment/json"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// platform is what images are taken for: this machine, or one unlike it.
type platform struct {
	platforms.MatchComparer
	spec    ocispec.Platform
	foreign string // "linux/arm64"; empty for this machine's
	strict  bool   // it was asked for: an image of one platform alone is looked at too, which will otherwise do
}

// platformOf reads the platform of a request.
func (s *Store) platformOf(name string) (platform, error) {
	if name == "" {
		return s.platform, nil
	}
	spec, err := platforms.Parse(name)
	if err != nil {
		return platform{}, fmt.Errorf("platform %q: %w", name, err)
	}
	if s.platform.Match(spec) {
		return platform{MatchComparer: s.platform, spec: s.platform.spec, strict: true}, nil
	}
	return platform{MatchComparer: platforms.Only(spec), spec: spec, foreign: platforms.Format(spec), strict: true}, nil
}

// platformError says that an image is not there for a platform.
type platformError struct {
	of  string
	has []string
}

// Error is worded as AWS words it, with the platforms that the image is there for.
func (e *platformError) Error() string {
	text := fmt.Sprintf("image Manifest does not contain descriptor matching platform '%s'", e.of)
	if len(e.has) > 0 {
		text += " (it has " + strings.Join(e.has, ", ") + ")"
	}
	return text
}

// NotFound makes it one of containerd's errors of that kind.
func (*platformError) NotFound() {}

func (s *Store) noPlatform(ctx context.Context, target ocispec.Descriptor, of platform) error {
	return &platformError{platforms.Format(of.spec), s.platformsOf(ctx, target)}
}

// platformsOf are those of an index, or of a manifest's configuration, as far as they can be read.
func (s *Store) platformsOf(ctx context.Context, target ocispec.Descriptor) (names []string) {
	raw, err := content.ReadBlob(ctx, s.content, target)
	if err != nil {
		return nil
	}
	var index ocispec.Index
	if images.IsIndexType(target.MediaType) && json.Unmarshal(raw, &index) == nil {
		for _, m := range index.Manifests {
			if m.Platform != nil && m.Platform.OS != "unknown" { // what is not an image, such as an attestation
				names = append(names, platforms.Format(*m.Platform))
			}
		}
	}
	var manifest ocispec.Manifest
	if images.IsManifestType(target.MediaType) && json.Unmarshal(raw, &manifest) == nil {
		if raw, err = content.ReadBlob(ctx, s.content, manifest.Config); err == nil {
			if config, err := decodeConfig(raw); err == nil && config.Architecture != "" {
				names = append(names, platforms.Format(config.Platform))
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
