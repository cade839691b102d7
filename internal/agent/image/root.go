package image

import (
	"context"
	"fmt"
	"strings"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/metadata/boltutil"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.etcd.io/bbolt"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/native"
	"github.com/berth-dev/berth/internal/shim"
)

// A container's file system remembers which image it is of, by these labels: the image's name may point to another by
// the time it is asked for again.
const (
	labelDigest    = "berth.dev/image.digest"
	labelMediaType = "berth.dev/image.media-type"
	labelPlatform  = "berth.dev/platform" // of a machine unlike this one; of an image, the latest that it was brought for
)

// Prepare makes a writable root file system of the image for one container and holds it for the task until [Store.Release].
// Calling it again for the same task and container returns the same file system, with what was written to it.
// It mounts nothing. [engine.ErrNotFound] when the image is not present. The platform is as of [engine.PullRequest].
func (s *Store) Prepare(ctx context.Context, task, container, ref, platform string) (native.Rootfs, error) {
	of, err := s.platformOf(platform)
	if err != nil {
		return native.Rootfs{}, err
	}
	root, err := s.prepare(inside(ctx), task, container, ref, of)
	if err != nil {
		return native.Rootfs{}, fmt.Errorf("root file system of container %s from image %s: %w", container, ref, s.explain(err))
	}
	return root, nil
}

func (s *Store) prepare(ctx context.Context, task, container, ref string, of platform) (native.Rootfs, error) {
	key := task + "/" + container
	if made, err := s.snaps.Stat(ctx, key); err == nil {
		return s.rootfs(ctx, key, ocispec.Descriptor{
			Digest:    digest.Digest(made.Labels[labelDigest]),
			MediaType: made.Labels[labelMediaType],
		}, of)
	} else if !errdefs.IsNotFound(err) {
		return native.Rootfs{}, err
	}
	name, err := Normalize(ref)
	if err != nil {
		return native.Rootfs{}, err
	}
	defer s.usage.claim(name)()
	image, err := s.images.Get(ctx, name)
	if errdefs.IsNotFound(err) {
		return native.Rootfs{}, engine.ErrNotFound
	}
	if err != nil {
		return native.Rootfs{}, err
	}
	lease := taskLease(task)
	if err := s.lease(ctx, lease, image.Target); err != nil {
		return native.Rootfs{}, err
	}
	s.usage.touch(image.Target.Digest)
	config, err := s.configOf(ctx, image.Target, of)
	if err != nil {
		return native.Rootfs{}, err
	}
	labels := snapshots.WithLabels(map[string]string{
		labelDigest:    image.Target.Digest.String(),
		labelMediaType: image.Target.MediaType,
	})
	parent := identity.ChainID(config.RootFS.DiffIDs).String()
	mounts, err := s.snaps.Prepare(leases.WithLease(ctx, lease.ID), key, parent, labels)
	if err != nil {
		return native.Rootfs{}, err
	}
	return rootfs(mounts, image.Target, config), nil
}

// Written returns the directory of what a container wrote to the file system that [Store.Prepare] made. It is the container's
// to fill: whoever looks into it follows no links. [engine.ErrNotFound] when there is none.
func (s *Store) Written(ctx context.Context, task, container string) (string, error) {
	mounts, err := s.snaps.Mounts(inside(ctx), task+"/"+container)
	if errdefs.IsNotFound(err) {
		return "", engine.ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("root file system of container %s: %w", container, s.explain(err))
	}
	for _, m := range mounts {
		for _, o := range m.Options {
			if dir, ok := strings.CutPrefix(o, "upperdir="); ok {
				return dir, nil
			}
		}
	}
	return mounts[0].Source, nil // an image without layers: a directory with nothing under it
}

// lease makes the lease hold an image, in one transaction with the lease's making.
func (s *Store) lease(ctx context.Context, lease leases.Lease, target ocispec.Descriptor) error {
	return s.meta.Update(func(tx *bbolt.Tx) error {
		ctx := boltutil.WithTransaction(ctx, tx)
		_, err := s.leases.Create(ctx, leases.WithID(lease.ID))
		if err != nil && !errdefs.IsAlreadyExists(err) {
			return err
		}
		return s.leases.AddResource(ctx, lease, leases.Resource{ID: target.Digest.String(), Type: "content"})
	})
}

func (s *Store) rootfs(ctx context.Context, key string, target ocispec.Descriptor, of platform) (native.Rootfs, error) {
	info, err := s.content.Info(ctx, target.Digest)
	if err != nil {
		return native.Rootfs{}, err
	}
	target.Size = info.Size
	config, err := s.configOf(ctx, target, of)
	if err != nil {
		return native.Rootfs{}, err
	}
	mounts, err := s.snaps.Mounts(ctx, key)
	if err != nil {
		return native.Rootfs{}, err
	}
	return rootfs(mounts, target, config), nil
}

func rootfs(mounts []mount.Mount, target ocispec.Descriptor, config ocispec.Image) native.Rootfs {
	root := native.Rootfs{Digest: target.Digest.String(), Config: config.Config, Platform: config.Platform}
	for _, m := range mounts {
		root.Mounts = append(root.Mounts, shim.Mount{Type: m.Type, Source: m.Source, Options: m.Options})
	}
	return root
}

// Release lets go of all that [Store.Prepare] made for the task and deletes what its containers wrote. Nothing of it is
// mounted any more. Releasing an unknown task succeeds.
func (s *Store) Release(ctx context.Context, task string) error {
	ctx = inside(ctx)
	if targets, err := s.targetsOf(ctx, taskLease(task).ID); err == nil {
		s.usage.touch(targets...)
	}
	err := s.leases.Delete(ctx, taskLease(task))
	if errdefs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("release the images of task %s: %w", task, s.explain(err))
	}
	s.soil()
	return nil
}

// Tasks lists the tasks that hold file systems, those prepared by an earlier process included.
func (s *Store) Tasks(ctx context.Context) ([]string, error) {
	held, err := s.leases.List(inside(ctx))
	if err != nil {
		return nil, fmt.Errorf("list the tasks that hold images: %w", err)
	}
	var tasks []string
	for _, lease := range held {
		if task, ok := strings.CutPrefix(lease.ID, "task/"); ok {
			tasks = append(tasks, task)
		}
	}
	return tasks, nil
}

func taskLease(task string) leases.Lease { return leases.Lease{ID: "task/" + task} }
