package native

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/native/spec"
	"github.com/berth-dev/berth/internal/shim"
)

// mountsFile is in a container's directory: its mounts of volumes and of the host, for containers with volumes from it.
const mountsFile = "mounts"

// takeMounts resolves what a container mounts of volumes, of the host and of other containers, and writes it down: from
// then on the volumes are in use. host is left with binds of directories alone; the volumes are for the shim to make ready.
func (e *Engine) takeMounts(ctx context.Context, t *task, c engine.ContainerSpec, image ocispec.ImageConfig) (host container.HostConfig, volumes []shim.Volume, err error) {
	host = c.Host
	all, found, err := e.claimMounts(t, c, image)
	if err != nil {
		return host, nil, err
	}
	host.Binds, host.VolumesFrom, host.Mounts = nil, nil, nil
	for i, m := range all {
		if m.Type == mount.TypeVolume {
			v, err := t.volume(ctx, found[m.Source], m, fmt.Sprintf("%s.%d", c.Name, i))
			if err != nil {
				return host, nil, err
			}
			volumes = append(volumes, v)
			m = mount.Mount{Type: mount.TypeBind, Source: v.Source(), Target: m.Target, ReadOnly: m.ReadOnly}
		} else if err := hostDirectory(m); err != nil {
			return host, nil, err
		}
		host.Mounts = append(host.Mounts, m)
	}
	for _, m := range c.Host.Mounts {
		if m.Type != mount.TypeVolume && m.Type != mount.TypeBind {
			host.Mounts = append(host.Mounts, m)
		}
	}
	return host, volumes, nil
}

// claimMounts resolves a container's mounts of volumes and of the host, makes the volumes that its image declares, and
// returns the mounts and the volumes by name. None of these can be removed any more.
func (e *Engine) claimMounts(t *task, c engine.ContainerSpec, image ocispec.ImageConfig) (all []mount.Mount, found map[string]engine.Volume, err error) {
	e.volumes.mu.Lock()
	defer e.volumes.mu.Unlock()
	if all, err = t.mountsOf(c.Host); err != nil {
		return nil, nil, err
	}
	for _, target := range slices.Sorted(maps.Keys(image.Volumes)) {
		if target = path.Clean(target); path.IsAbs(target) && !covered(all, target) && !tmpfsOn(c.Host, target) {
			all = append(all, mount.Mount{Type: mount.TypeVolume, Target: target})
		}
	}
	found = map[string]engine.Volume{}
	for i := range all {
		m := &all[i]
		if m.Type != mount.TypeVolume {
			continue
		}
		if m.Source == "" {
			if m.Source, err = e.anonymous(t.id, c.Name, m.Target); err != nil {
				return nil, nil, err
			}
		}
		v, ok := e.volumes.all[m.Source]
		if !ok {
			return nil, nil, fmt.Errorf("volume %s: %w", m.Source, engine.ErrNotFound)
		}
		found[m.Source] = v
	}
	return all, found, writeJSON(filepath.Join(shim.ContainerDir(t.dir, c.Name), mountsFile), all)
}

// mountsOf are a container's mounts of volumes and of the host, its own, which go before, and those it has from others.
func (t *task) mountsOf(host container.HostConfig) (all []mount.Mount, err error) {
	for _, b := range host.Binds {
		m, err := spec.ParseBind(b)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	for _, m := range host.Mounts {
		if m.Type == mount.TypeVolume || m.Type == mount.TypeBind {
			m.Target = path.Clean(m.Target)
			all = append(all, m)
		}
	}
	own := len(all)
	for _, from := range host.VolumesFrom {
		name, access, _ := strings.Cut(from, ":")
		if access != "" && access != "ro" && access != "rw" {
			return nil, fmt.Errorf("volumes from %q: invalid mode %q", from, access)
		}
		var theirs []mount.Mount
		if err := readJSON(filepath.Join(shim.ContainerDir(t.dir, filepath.Base(name)), mountsFile), &theirs); err != nil {
			return nil, fmt.Errorf("volumes from %s: no such container: %w", name, err)
		}
		for _, m := range theirs {
			if covered(all[:own], m.Target) {
				continue
			}
			m.ReadOnly = m.ReadOnly || access == "ro"
			all = slices.DeleteFunc(all, func(o mount.Mount) bool { return !covered(all[:own], o.Target) && o.Target == m.Target })
			all = append(all, m)
		}
	}
	return all, nil
}

func covered(all []mount.Mount, target string) bool {
	return slices.ContainsFunc(all, func(m mount.Mount) bool { return m.Target == target })
}

func tmpfsOn(host container.HostConfig, target string) bool {
	for on := range host.Tmpfs {
		if path.Clean(on) == target {
			return true
		}
	}
	return slices.ContainsFunc(host.Mounts, func(m mount.Mount) bool { return path.Clean(m.Target) == target })
}

// anonymous makes the volume that a container's image declares, and returns its name. It goes with the task.
func (e *Engine) anonymous(task, container, target string) (string, error) {
	v, err := e.volumes.create(engine.VolumeSpec{
		Name: fmt.Sprintf("%x", sha256.Sum256([]byte(task+"/"+container+":"+target))), Task: task,
		Labels: map[string]string{"com.docker.volume.anonymous": ""},
	})
	return v.Name, err
}

// volume is what the shim must make ready of a volume for one mount; id is the mount's own among the task's.
func (t *task) volume(ctx context.Context, found engine.Volume, m mount.Mount, id string) (shim.Volume, error) {
	if m.BindOptions != nil || m.TmpfsOptions != nil || m.ImageOptions != nil {
		return shim.Volume{}, fmt.Errorf("the mount of volume %s on %s has options of another kind of mount", m.Source, m.Target)
	}
	mounted, err := mountOf(ctx, found)
	if err != nil {
		return shim.Volume{}, fmt.Errorf("volume %s: %w", m.Source, err)
	}
	v := shim.Volume{Path: found.Path, Guard: filepath.Dir(found.Path), Mount: mounted}
	if mounted != nil {
		v.Path = filepath.Join(t.dir, "v", found.Name)
	}
	if o := m.VolumeOptions; o != nil {
		if len(o.Labels) > 0 || o.DriverConfig != nil {
			return v, fmt.Errorf("the mount of volume %s on %s: a volume's labels and driver are said when it is made", m.Source, m.Target)
		}
		if sub := path.Clean("/" + o.Subpath); sub != "/" {
			v.Sub, v.At = sub, filepath.Join(t.dir, "s", id)
		}
		if o.NoCopy {
			return v, nil
		}
	}
	v.Fill = m.Target
	return v, nil
}

// hostDirectory makes a directory of the host that a bind in Docker's older form asks for, and checks that others exist.
func hostDirectory(m mount.Mount) error {
	_, err := os.Stat(m.Source)
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist) || m.BindOptions == nil || !m.BindOptions.CreateMountpoint:
		return fmt.Errorf("bind source path does not exist: %s", m.Source)
	}
	if err := os.MkdirAll(m.Source, 0o755); err != nil {
		return fmt.Errorf("error while creating mount source path '%s': %w", m.Source, err)
	}
	return nil
}

// usersOf are the containers that have a volume, as "container NAME of task ID".
func (e *Engine) usersOf(name string) (users []string, err error) {
	tasks, err := e.kept()
	if err != nil {
		return nil, err
	}
	for _, task := range tasks {
		files, _ := filepath.Glob(shim.ContainerDir(e.dir(task), "*") + "/" + mountsFile)
		for _, file := range files {
			var all []mount.Mount
			if err := readJSON(file, &all); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			if slices.ContainsFunc(all, func(m mount.Mount) bool { return m.Type == mount.TypeVolume && m.Source == name }) {
				users = append(users, fmt.Sprintf("container %s of task %s", filepath.Base(filepath.Dir(file)), task))
			}
		}
	}
	return users, nil
}
