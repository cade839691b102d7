package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/distribution/reference"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// Prune removes the images that no task uses and that the request names, as [engine.Engine.PruneImages] says, and what pulls
// left that were cut off.
func (s *Store) Prune(ctx context.Context, req engine.PruneRequest) ([]engine.Image, error) {
	ctx = inside(ctx)
	unused, err := s.unused(ctx, req)
	removed := []engine.Image{}
	for _, image := range unused {
		if err != nil {
			break
		}
		var gone engine.Image
		if gone, err = s.removeUnused(ctx, image); err == nil {
			removed = append(removed, gone)
		} else if errors.Is(err, errInUse) || errdefs.IsNotFound(err) {
			err = nil
		}
	}
	slices.SortFunc(removed, func(a, b engine.Image) int { return cmp.Compare(a.Name, b.Name) })
	if err == nil {
		_, err = s.dropUnfinished(ctx, time.Now(), true)
	}
	if err != nil {
		return removed, fmt.Errorf("prune images: %w", s.explain(err))
	}
	return removed, s.Collect(ctx)
}

// unused returns what a request names, the one that was not used for longest first. Some of it may be in use.
func (s *Store) unused(ctx context.Context, req engine.PruneRequest) ([]images.Image, error) {
	all, err := s.images.List(ctx)
	if err != nil {
		return nil, err
	}
	held, err := s.leased(ctx)
	if err != nil {
		return nil, err
	}
	last := map[string]time.Time{}
	var unused []images.Image
	for _, image := range all {
		last[image.Name] = s.usage.last(image)
		if held[image.Target.Digest] || time.Since(last[image.Name]) < req.UnusedFor || !req.All && !s.comesAgain(ctx, image) {
			continue
		}
		unused = append(unused, image)
	}
	slices.SortFunc(unused, func(a, b images.Image) int { return last[a.Name].Compare(last[b.Name]) })
	return unused, nil
}

// comesAgain tells whether an image can be had again by its name: from its registry, from Berth itself, or from a Docker
// that still has it.
func (s *Store) comesAgain(ctx context.Context, image images.Image) bool {
	switch originOf(image) {
	case engine.FromRegistry, engine.BuiltIn:
		return true
	case engine.FromDocker:
		named, err := reference.ParseNormalizedNamed(image.Name)
		if err != nil || s.config.Docker == nil {
			return false
		}
		there, err := s.config.Docker.Image(ctx, named)
		return err == nil && there.ID == image.Labels[labelDockerID]
	}
	return false
}

// removeUnused removes an image's name unless somebody wants it by now: errInUse. No pull can come between the question
// and the removal.
func (s *Store) removeUnused(ctx context.Context, image images.Image) (engine.Image, error) {
	described, err := s.describe(ctx, image)
	if err != nil {
		return described, err
	}
	s.usage.mu.Lock()
	defer s.usage.mu.Unlock()
	if s.usage.claims[image.Name] > 0 {
		return described, errInUse
	}
	held, err := s.leased(ctx)
	switch {
	case err != nil:
		return described, err
	case held[image.Target.Digest]:
		return described, errInUse
	}
	if err := s.images.Delete(ctx, image.Name, images.DeleteTarget(&image.Target)); err != nil {
		return described, err
	}
	delete(s.usage.used, image.Target.Digest)
	s.soil()
	return described, nil
}
