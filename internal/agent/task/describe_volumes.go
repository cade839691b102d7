package task

import (
	"context"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/metadata"
)

// lookupTimeout is how long the engine may take to tell where volumes are: without it metadata answers all the same.
const lookupTimeout = 2 * time.Second

// describeVolumes is what a container mounts of the task's volumes, as Docker tells of its mounts.
func (t *task) describeVolumes(c *acs.Container) []metadata.Volume {
	var host container.HostConfig
	if len(c.MountPoints) == 0 || t.mount(c, &host) != nil {
		return nil
	}
	var all []metadata.Volume
	for _, b := range host.Binds {
		source, target, _ := strings.Cut(b, ":")
		target, _, _ = strings.Cut(target, ":")
		all = append(all, metadata.Volume{Source: source, Destination: target})
	}
	for _, m := range host.Mounts {
		v := metadata.Volume{Source: m.Source, Destination: m.Target}
		if m.Type == mount.TypeVolume {
			v.DockerName, v.Source = m.Source, t.volumePath(m.Source)
		}
		all = append(all, v)
	}
	return all
}

// volumePath is where the engine keeps a volume; empty when it does not tell.
func (t *task) volumePath(name string) string {
	t.mu.Lock()
	paths := t.paths
	t.mu.Unlock()
	if path, known := paths[name]; known {
		return path
	}
	ctx, cancel := context.WithTimeout(t.life, lookupTimeout)
	defer cancel()
	volumes, err := t.Engine.Volumes(ctx)
	if err != nil {
		t.log.Warn("where volumes are can't be told in metadata", "error", err)
		return ""
	}
	paths = map[string]string{}
	for _, v := range volumes {
		paths[v.Name] = v.Path
	}
	t.mu.Lock()
	t.paths = paths
	t.mu.Unlock()
	return paths[name]
}
