package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// Clean removes all that an instance has in Docker but images: containers, networks, and the volumes of its tasks. Volumes
// that tasks share are data; they go too, as all of the instance does.
func Clean(ctx context.Context, api *client.Client, instance string) error {
	ours := client.Filters{}.Add("label", labelInstance+"="+instance)
	containers, err := api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: ours})
	if err != nil {
		return fmt.Errorf("clean Docker: %w", err)
	}
	var errs []error
	note := func(err error) {
		if err != nil && !errdefs.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("clean Docker: %w", err))
		}
	}
	for _, c := range containers.Items {
		note(removeContainer(ctx, api, c.ID))
	}
	networks, err := api.NetworkList(ctx, client.NetworkListOptions{Filters: ours})
	note(err)
	for _, n := range networks.Items {
		_, err := api.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
		note(err)
	}
	volumes, err := api.VolumeList(ctx, client.VolumeListOptions{Filters: ours})
	note(err)
	for _, v := range volumes.Items {
		_, err := api.VolumeRemove(ctx, v.Name, client.VolumeRemoveOptions{Force: true})
		note(err)
	}
	images, err := api.ImageList(ctx, client.ImageListOptions{Filters: client.Filters{}.Add("reference", pauseRepository)})
	note(err)
	for _, i := range images.Items {
		for _, tag := range i.RepoTags {
			if _, err := api.ImageRemove(ctx, tag, client.ImageRemoveOptions{}); err != nil && !errdefs.IsConflict(err) && !strings.Contains(err.Error(), "conflict") {
				note(err) // what another instance uses stays
			}
		}
	}
	if info, err := api.Info(ctx, client.InfoOptions{}); err == nil {
		if g := findGroups(instance, info.Info); g != nil {
			note(g.clean(ctx))
		}
	}
	return errors.Join(errs...)
}
