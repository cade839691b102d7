package docker

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/volume"
	"github.com/moby/moby/client"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// CreateVolume makes a named volume, or returns the one of that name as it is, whoever made it.
func (e *Engine) CreateVolume(ctx context.Context, spec engine.VolumeSpec) (engine.Volume, error) {
	labels := map[string]string{}
	for k, v := range spec.Labels {
		if !strings.HasPrefix(k, ownLabels) {
			labels[k] = v
		}
	}
	if labels[labelInstance] = e.config.Instance; spec.Task != "" {
		if _, err := e.known(spec.Task); err != nil {
			return engine.Volume{}, err
		}
		labels[labelTask] = spec.Task
	}
	var made engine.Volume
	err := e.ask(ctx, makeTime, "make volume "+spec.Name, func(ctx context.Context) error {
		answer, err := e.api.VolumeInspect(ctx, spec.Name, client.VolumeInspectOptions{})
		if err == nil {
			made = volumeOf(answer.Volume)
			return nil
		}
		if !errdefs.IsNotFound(err) {
			return err
		}
		created, err := e.api.VolumeCreate(ctx, client.VolumeCreateOptions{Name: spec.Name, Driver: spec.Driver, DriverOpts: spec.Options, Labels: labels})
		made = volumeOf(created.Volume)
		return err
	})
	return made, told(ctx, engine.CannotCreateVolume, err)
}

func volumeOf(v volume.Volume) engine.Volume {
	made := engine.Volume{Path: v.Mountpoint, CreatedAt: timeOf(v.CreatedAt), VolumeSpec: engine.VolumeSpec{
		Name: v.Name, Driver: v.Driver, Options: v.Options, Labels: map[string]string{}, Task: v.Labels[labelTask]}}
	for k, value := range v.Labels {
		if k != labelInstance && k != labelTask {
			made.Labels[k] = value
		}
	}
	return made
}

// RemoveVolume removes a volume.
func (e *Engine) RemoveVolume(ctx context.Context, name string) error {
	return e.ask(ctx, makeTime, "remove volume "+name, func(ctx context.Context) error {
		_, err := e.api.VolumeRemove(ctx, name, client.VolumeRemoveOptions{})
		if errdefs.IsConflict(err) {
			return &answer{err, engine.ErrInUse}
		}
		return err
	})
}

// Volumes lists the volumes that CreateVolume made.
func (e *Engine) Volumes(ctx context.Context) ([]engine.Volume, error) {
	found, err := e.volumes(ctx, client.Filters{}.Add("label", labelInstance+"="+e.config.Instance))
	slices.SortFunc(found, func(a, b engine.Volume) int { return cmp.Compare(a.Name, b.Name) })
	return found, err
}

func (e *Engine) volumes(ctx context.Context, filters client.Filters) (found []engine.Volume, err error) {
	err = e.ask(ctx, askTime, "list volumes", func(ctx context.Context) error {
		answer, err := e.api.VolumeList(ctx, client.VolumeListOptions{Filters: filters})
		for _, v := range answer.Items {
			found = append(found, volumeOf(v))
		}
		return err
	})
	return found, err
}

// removeTaskVolumes removes the volumes that are a task's.
func (e *Engine) removeTaskVolumes(ctx context.Context, id string) error {
	found, err := e.volumes(ctx, client.Filters{}.Add("label", labelInstance+"="+e.config.Instance).Add("label", labelTask+"="+id))
	if err != nil {
		return err
	}
	for _, v := range found {
		if err := e.RemoveVolume(ctx, v.Name); err != nil && !errors.Is(err, engine.ErrNotFound) {
			return err
		}
	}
	return nil
}
