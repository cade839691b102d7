package native

import (
	"context"
	"io"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/shim"
)

// Images is what the engine needs of an image store (package image). Its methods may be called at the same time, but
// Prepare for one container by one goroutine, and Release for a task for which nobody calls Prepare.
type Images interface {
	// Pull makes an image present, as engine.Engine.PullImage says, and does for the request's task and container what
	// Prepare does; what fails there fails again, and is told, when Prepare is called.
	Pull(ctx context.Context, req engine.PullRequest, progress func(engine.PullProgress)) (engine.Image, error)
	// Import reads an OCI or docker-archive tar, as engine.Engine.ImportImage says.
	Import(ctx context.Context, archive io.Reader, progress func(engine.PullProgress)) ([]engine.Image, error)
	// List returns the images present, ordered by name.
	List(ctx context.Context) ([]engine.Image, error)
	// Remove removes a name. engine.ErrNotFound when absent.
	Remove(ctx context.Context, name string) error
	// Prune removes images that no task uses, as engine.Engine.PruneImages says.
	Prune(ctx context.Context, req engine.PruneRequest) ([]engine.Image, error)

	// Prepare makes a writable root file system of the image for one container and holds it for the task until Release.
	// Calling it again for the same task and container returns the same file system, with what was written to it.
	// It mounts nothing. engine.ErrNotFound when the image is not present. The platform is as of engine.PullRequest.
	Prepare(ctx context.Context, task, container, reference, platform string) (Rootfs, error)
	// Written returns the directory of what a container wrote to the file system that Prepare made. It is the container's to
	// fill: whoever looks into it follows no links. engine.ErrNotFound when there is none.
	Written(ctx context.Context, task, container string) (string, error)
	// Release lets go of all that Prepare made for the task and deletes what its containers wrote. Nothing of it is
	// mounted any more. Releasing an unknown task succeeds.
	Release(ctx context.Context, task string) error
	// Tasks lists the tasks for which Prepare made something, in any process, and that were not released.
	Tasks(ctx context.Context) ([]string, error)
}

// Rootfs is the root file system of one container.
type Rootfs struct {
	// Mounts are made in order, one on the other, by the shim in its own mount namespace.
	Mounts []shim.Mount
	// Digest is that of the image's manifest: "sha256:...".
	Digest string
	// Platform is what the image's programs are for; empty where that is not known.
	Platform ocispec.Platform
	// Config is the image's: entrypoint, environment, user and so on.
	Config ocispec.ImageConfig
}
