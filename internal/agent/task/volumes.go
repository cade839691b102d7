package task

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine"
)

// A task's volumes are the engine's, but for directories of the host: those of the task alone are made with it and go with
// it, shared ones stay.

// provideVolumes makes the volumes of a task that the engine has. Its error is a *failure.
func (t *task) provideVolumes(ctx context.Context) error {
	for i := range t.payload.Volumes {
		v := &t.payload.Volumes[i]
		spec, err := t.volumeSpec(ctx, v)
		if err == nil && spec != nil {
			_, err = t.Engine.CreateVolume(ctx, *spec)
		}
		var failed *failure
		switch {
		case errors.As(err, &failed):
			return err
		case err != nil:
			return initialization(err)
		}
	}
	return nil
}

// volumeSpec is what the engine is to make of a volume; nil when it need not make anything.
func (t *task) volumeSpec(ctx context.Context, v *acs.Volume) (*engine.VolumeSpec, error) {
	switch {
	case v.DockerVolumeConfiguration != nil && v.DockerVolumeConfiguration.Scope == acs.ScopeShared:
		return t.sharedVolume(ctx, v)
	case v.DockerVolumeConfiguration != nil:
		d := v.DockerVolumeConfiguration
		return &engine.VolumeSpec{Name: t.volumeName(v), Driver: d.Driver, Options: d.DriverOpts, Labels: d.Labels, Task: t.id}, nil
	case v.EfsVolumeConfiguration != nil:
		return t.efsVolume(ctx, v)
	case v.Host != nil && v.Host.SourcePath != "":
		return nil, nil
	}
	return &engine.VolumeSpec{Name: t.volumeName(v), Task: t.id}, nil
}

// sharedVolume finds or makes a volume that several tasks have. One that is there is taken as it is, whatever else the
// definition says of it.
func (t *task) sharedVolume(ctx context.Context, v *acs.Volume) (*engine.VolumeSpec, error) {
	d := v.DockerVolumeConfiguration
	if d.Autoprovision {
		return &engine.VolumeSpec{Name: v.Name, Driver: d.Driver, Options: d.DriverOpts, Labels: d.Labels}, nil
	}
	all, err := t.Engine.Volumes(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(all, func(have engine.Volume) bool { return have.Name == v.Name && have.Task == "" }) {
		return nil, &failure{fmt.Sprintf("resource cannot be initialized for task %s: initialize volume: volume detection failed, "+
			"volume '%s' does not exist and autoprovision is set to false", t.payload.Arn, v.Name)}
	}
	return nil, nil
}

// efsVolume is the volume that stands for a file system of EFS.
func (t *task) efsVolume(ctx context.Context, v *acs.Volume) (*engine.VolumeSpec, error) {
	e := v.EfsVolumeConfiguration
	system, ok := t.EFS[e.FileSystemId]
	var err error
	switch {
	case !ok:
		err = fmt.Errorf("no directory or NFS export stands for %s on this machine: start berth with --efs %s=DIRECTORY", e.FileSystemId, e.FileSystemId)
	case e.TransitEncryption == acs.EFSTransitEncryptionEnabled && !system.encrypted():
		err = fmt.Errorf("transit encryption of %s is asked for, and %s is spoken to in plain: give the export the option xprtsec=tls, or mount it and name the directory",
			e.FileSystemId, system.NFS.Redacted())
	default:
		err = system.reachable(ctx, e.RootDirectory)
	}
	if err != nil {
		return nil, &failure{"ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: " + err.Error()}
	}
	return &engine.VolumeSpec{Name: t.volumeName(v), Task: t.id, Options: system.options(e.RootDirectory)}, nil
}

// maxVolumeName is how long a volume's name can be: it names a directory.
const maxVolumeName = 255

// volumeName is the name that the engine has a task's own volume by, in the form of the ECS agent's.
func (t *task) volumeName(v *acs.Volume) string {
	end := fmt.Sprintf("-%x", sha256.Sum256([]byte(t.id+"/"+v.Name)))[:21]
	name := "ecs-" + t.payload.Family + "-" + t.payload.Version + "-" + v.Name
	return name[:min(len(name), maxVolumeName-len(end))] + end
}

func (t *task) volumeNamed(name string) *acs.Volume {
	for i := range t.payload.Volumes {
		if t.payload.Volumes[i].Name == name {
			return &t.payload.Volumes[i]
		}
	}
	return nil
}

// mount adds what a container mounts of the task's volumes and has of other containers.
func (t *task) mount(c *acs.Container, host *container.HostConfig) error {
	for _, m := range c.MountPoints {
		v := t.volumeNamed(m.SourceVolume)
		if v == nil {
			return fmt.Errorf("container %s mounts the volume %s, which the task does not have", c.Name, m.SourceVolume)
		}
		if v.Host != nil && v.Host.SourcePath != "" {
			bind, err := bindOf(v.Host.SourcePath, m)
			if err != nil {
				return fmt.Errorf("volume %s: %w", v.Name, err)
			}
			host.Binds = append(host.Binds, bind)
			continue
		}
		mounted := mount.Mount{Type: mount.TypeVolume, Source: t.volumeName(v), Target: m.ContainerPath, ReadOnly: m.ReadOnly}
		if d := v.DockerVolumeConfiguration; d != nil && d.Scope == acs.ScopeShared {
			mounted.Source = v.Name
		}
		if e := v.EfsVolumeConfiguration; e != nil {
			mounted.VolumeOptions = &mount.VolumeOptions{NoCopy: true}
			if t.EFS[e.FileSystemId].NFS == nil { // of an export, the directory itself is mounted
				mounted.VolumeOptions.Subpath = strings.Trim(e.RootDirectory, "/")
			}
		}
		host.Mounts = append(host.Mounts, mounted)
	}
	for _, from := range c.VolumesFrom {
		access := "rw"
		if from.ReadOnly {
			access = "ro"
		}
		host.VolumesFrom = append(host.VolumesFrom, from.SourceContainer+":"+access)
	}
	return nil
}

// bindOf is a mount of a directory of the host in the form in which Docker makes one that is absent.
func bindOf(source string, m acs.MountPoint) (string, error) {
	switch {
	case !filepath.IsAbs(source):
		return "", fmt.Errorf("its sourcePath %s is not an absolute path", source)
	case strings.Contains(source+m.ContainerPath, ":"):
		return "", fmt.Errorf("its sourcePath %s or the path %s where it is mounted has a colon in it", source, m.ContainerPath)
	}
	return cmp.Or(strings.TrimSuffix(source, "/"), "/") + ":" + m.ContainerPath + map[bool]string{true: ":ro"}[m.ReadOnly], nil
}
