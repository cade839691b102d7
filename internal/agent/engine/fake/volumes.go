package fake

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/moby/moby/api/types/mount"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// CreateVolume remembers a volume, which has a path and no content.
func (h *handle) CreateVolume(ctx context.Context, spec engine.VolumeSpec) (engine.Volume, error) {
	if err := context.Cause(ctx); err != nil {
		return engine.Volume{}, err
	}
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if v, ok := h.m.volumes[spec.Name]; ok {
		return v, nil
	}
	spec.Driver = cmp.Or(spec.Driver, "local")
	if spec.Driver != "local" {
		return engine.Volume{}, failure(engine.CannotCreateVolume, "no volume driver "+spec.Driver)
	}
	v := engine.Volume{VolumeSpec: spec, Path: "/volumes/" + spec.Name, CreatedAt: time.Now()}
	h.m.volumes[spec.Name] = v
	return v, nil
}

func (h *handle) RemoveVolume(ctx context.Context, name string) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if _, ok := h.m.volumes[name]; !ok {
		return fmt.Errorf("volume %s: %w", name, engine.ErrNotFound)
	}
	for _, t := range h.m.tasks {
		for _, c := range t.containers {
			if slices.ContainsFunc(c.spec.Host.Mounts, func(m mount.Mount) bool { return m.Type == mount.TypeVolume && m.Source == name }) {
				return fmt.Errorf("volume %s: %w by container %s of task %s", name, engine.ErrInUse, c.spec.Name, t.spec.Task)
			}
		}
	}
	delete(h.m.volumes, name)
	return nil
}

func (h *handle) Volumes(ctx context.Context) ([]engine.Volume, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	return slices.SortedFunc(maps.Values(h.m.volumes), func(a, b engine.Volume) int { return cmp.Compare(a.Name, b.Name) }), nil
}
