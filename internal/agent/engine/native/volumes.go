package native

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// Files in a volume's directory.
const (
	volumeFile = "volume.json" // engine.Volume; written last: a directory without it is no volume
	dataDir    = "_data"       // what is in it, unless the volume is a mount
)

// volumes are an engine's volumes: a directory for each, by its name.
type volumes struct {
	dir string

	mu  sync.Mutex // held too while a container takes some
	all map[string]engine.Volume
}

// volumeName is what Docker takes as one, as far as a directory can have it as its name.
var volumeName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$`)

// load reads what earlier engines left, and removes what they did not finish.
func (v *volumes) load() error {
	v.all = map[string]engine.Volume{}
	if v.dir == "" {
		return nil
	}
	if err := os.MkdirAll(v.dir, 0o711); err != nil {
		return fmt.Errorf("make the directory of volumes: %w", err)
	}
	entries, err := os.ReadDir(v.dir)
	if err != nil {
		return fmt.Errorf("read the directory of volumes: %w", err)
	}
	for _, entry := range entries {
		var volume engine.Volume
		err := readJSON(filepath.Join(v.dir, entry.Name(), volumeFile), &volume)
		switch {
		case err == nil:
			v.all[entry.Name()] = volume
		case errors.Is(err, fs.ErrNotExist):
			err = os.RemoveAll(filepath.Join(v.dir, entry.Name()))
		}
		if err != nil {
			return fmt.Errorf("volume %s: %w", entry.Name(), err)
		}
	}
	return nil
}

// create makes a volume, or returns the one of the name. v.mu is held.
func (v *volumes) create(spec engine.VolumeSpec) (engine.Volume, error) {
	if found, ok := v.all[spec.Name]; ok {
		return found, nil
	}
	spec.Driver = cmp.Or(spec.Driver, localDriver)
	switch {
	case v.dir == "":
		return engine.Volume{}, errors.New("this engine was given no directory for volumes")
	case !volumeName.MatchString(spec.Name):
		return engine.Volume{}, fmt.Errorf("%q can't be a volume's name: it is letters, digits, _, . and -, 255 at most, and begins with a letter or digit", spec.Name)
	case spec.Driver != localDriver:
		return engine.Volume{}, fmt.Errorf("volume %s: error looking up volume plugin %s: Berth's own engine has the driver %s only", spec.Name, spec.Driver, localDriver)
	}
	if err := checkOptions(spec.Options); err != nil {
		return engine.Volume{}, fmt.Errorf("volume %s: %w", spec.Name, err)
	}
	dir := filepath.Join(v.dir, spec.Name)
	made := engine.Volume{VolumeSpec: spec, Path: filepath.Join(dir, dataDir), CreatedAt: time.Now()}
	if err := os.MkdirAll(made.Path, 0o755); err != nil {
		return engine.Volume{}, err
	}
	text, err := json.Marshal(made)
	if err != nil {
		return engine.Volume{}, err
	}
	if err := errors.Join(os.Chmod(dir, 0o711), write(filepath.Join(dir, volumeFile), text, 0o600)); err != nil {
		return engine.Volume{}, errors.Join(err, os.RemoveAll(dir))
	}
	v.all[spec.Name] = made
	return made, nil
}

// remove deletes a volume that nobody has. v.mu is held.
func (v *volumes) remove(name string) error {
	dir := filepath.Join(v.dir, name)
	if err := os.Remove(filepath.Join(dir, volumeFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	delete(v.all, name)
	return nil
}

// removeOf deletes a task's volumes, which its containers no longer have.
func (v *volumes) removeOf(task string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	var errs []error
	for name, volume := range v.all {
		if volume.Task == task {
			errs = append(errs, v.remove(name))
		}
	}
	return errors.Join(errs...)
}

// tasks are those that have volumes: also after the machine was restarted, which leaves nothing else of them.
func (v *volumes) tasks() (all []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, volume := range v.all {
		if volume.Task != "" {
			all = append(all, volume.Task)
		}
	}
	return all
}

// CreateVolume makes a volume below the engine's directory of volumes.
func (e *Engine) CreateVolume(_ context.Context, spec engine.VolumeSpec) (engine.Volume, error) {
	e.volumes.mu.Lock()
	defer e.volumes.mu.Unlock()
	if spec.Task != "" && e.task(spec.Task) == nil {
		return engine.Volume{}, &engine.Error{Kind: engine.CannotCreateVolume, Err: fmt.Errorf("task %s: %w", spec.Task, engine.ErrNotFound)}
	}
	volume, err := e.volumes.create(spec)
	if err != nil {
		return volume, &engine.Error{Kind: engine.CannotCreateVolume, Err: err}
	}
	return volume, nil
}

// RemoveVolume removes a volume that no container has, running or stopped.
func (e *Engine) RemoveVolume(_ context.Context, name string) error {
	e.volumes.mu.Lock()
	defer e.volumes.mu.Unlock()
	if _, ok := e.volumes.all[name]; !ok {
		return fmt.Errorf("volume %s: %w", name, engine.ErrNotFound)
	}
	users, err := e.usersOf(name)
	if err != nil {
		return err
	}
	if len(users) > 0 {
		return fmt.Errorf("volume %s: %w: %s has it", name, engine.ErrInUse, users[0])
	}
	return e.volumes.remove(name)
}

// Volumes lists the volumes, those that images declare included.
func (e *Engine) Volumes(context.Context) ([]engine.Volume, error) {
	e.volumes.mu.Lock()
	defer e.volumes.mu.Unlock()
	var all []engine.Volume
	for _, volume := range e.volumes.all {
		all = append(all, volume)
	}
	slices.SortFunc(all, func(a, b engine.Volume) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}
