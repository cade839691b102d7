package service

import (
	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
)

// resolved are the images of a task that runs, as the tasks of its revision after it are to run them: version consistency. There
// are none while not all of them are known. Those of containers that want none of it are left out.
func resolved(d *ecs.TaskDefinition, t *ecs.Task) (images []api.ContainerImage) {
	if t.Status != ecs.Running {
		return nil
	}
	for i := range t.Containers {
		c := &t.Containers[i]
		if of, ok := d.Container(c.Name); ok && of.VersionConsistency == api.VersionConsistencyDisabled {
			continue
		}
		if c.ImageDigest == "" {
			return nil
		}
		images = append(images, api.ContainerImage{ContainerName: c.Name, Image: c.Image, ImageDigest: c.ImageDigest})
	}
	return images
}
