package docker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/spool"
)

// CreateContainer makes a container that joins its pause container's namespaces.
func (e *Engine) CreateContainer(ctx context.Context, id string, c engine.ContainerSpec) error {
	t, err := e.known(id)
	if err == nil {
		err = t.createContainer(ctx, c)
	}
	return told(ctx, engine.CannotCreateContainer, err)
}

func (t *task) createContainer(ctx context.Context, spec engine.ContainerSpec) error {
	if b, err := t.box(spec.Name); err == nil {
		return b.openLog()
	}
	if spec.Name == "" || filepath.Base(spec.Name) != spec.Name {
		return fmt.Errorf("%q can't be a container's name", spec.Name)
	}
	image, err := t.findImage(ctx, spec.Image)
	if err != nil {
		return err
	}
	config, host := spec.Config, spec.Host
	own, err := t.place(ctx, spec, &config, &host)
	if err != nil {
		return err
	}
	t.settle(spec, &config, &host, image)
	name := spec.DockerName
	if name == "" {
		name = "ecs-" + t.config.Instance + "-" + spec.Name + "-" + t.id
	}
	made, err := t.make(ctx, name, &config, &host, spec.Platform)
	if err != nil {
		return err
	}
	record := containerRecord{Name: spec.Name, ID: made.ID, ImageDigest: image.digest, CreatedAt: timeOf(made.Created), Log: spec.Log,
		Restarts: spec.Restarts, Own: own}
	b := newBox(t, record)
	if err := b.openLog(); err != nil {
		return err
	}
	if err := b.save(); err != nil {
		return err
	}
	t.refreshing.Lock() // a look that began before it was made would take it for removed
	t.change(func() { t.boxes[spec.Name] = b })
	t.refreshing.Unlock()
	b.log.begin()
	return t.refresh(ctx)
}

// make makes a container in Docker, or finds the one that an agent made which died.
func (t *task) make(ctx context.Context, name string, config *container.Config, host *container.HostConfig, platform string) (container.InspectResponse, error) {
	taken := false
	err := t.ask(ctx, makeTime, "create container "+name, func(ctx context.Context) error {
		_, err := t.api.ContainerCreate(ctx, client.ContainerCreateOptions{Name: name, Config: config, HostConfig: host, Platform: platformOf(platform)})
		if taken = errdefs.IsConflict(err); taken {
			return nil
		}
		return err
	})
	if err != nil {
		return container.InspectResponse{}, err
	}
	made, err := t.inspect(ctx, name)
	if err != nil {
		return made, err
	}
	if taken && (made.Config.Labels[labelTask] != t.id || made.Config.Labels[labelInstance] != t.config.Instance) {
		return made, fmt.Errorf("docker has a container %s already, which is not this task's: `docker rm` it", name)
	}
	return made, nil
}

// settle makes of the payload's settings what Docker takes them for here.
func (t *task) settle(spec engine.ContainerSpec, config *container.Config, host *container.HostConfig, image foundImage) {
	config.Image, config.Labels, config.Healthcheck = image.id, t.labelled(spec, image), noHealthcheck()
	if strings.Contains(image.name, ":") || strings.Contains(image.name, "@") {
		config.Image = image.name // what `docker ps` shows
	}
	host.RestartPolicy = container.RestartPolicy{}
	host.AutoRemove = false
	host.LogConfig = logDriver(spec)
	for i, from := range host.VolumesFrom {
		name, mode, _ := strings.Cut(from, ":")
		if b, err := t.box(name); err == nil {
			if host.VolumesFrom[i] = b.record.ID; mode != "" {
				host.VolumesFrom[i] += ":" + mode
			}
		}
	}
	pause := "container:" + t.pauseOf(t.id, "")
	switch t.record.Spec.PIDMode {
	case engine.TaskNamespace:
		host.PidMode = container.PidMode(pause)
	case engine.HostNamespace:
		host.PidMode = "host"
	}
	switch t.record.Spec.IPCMode {
	case engine.TaskNamespace:
		host.IpcMode = container.IpcMode(pause)
	case engine.HostNamespace, engine.NoNamespace:
		host.IpcMode = container.IpcMode(t.record.Spec.IPCMode)
	}
	t.bound(host)
}

// labelled are a container's labels: the definition's, but for those by which Berth tells what is whose.
func (t *task) labelled(spec engine.ContainerSpec, image foundImage) map[string]string {
	labels := maps.Clone(spec.Config.Labels)
	maps.DeleteFunc(labels, func(name, _ string) bool { return strings.HasPrefix(name, ownLabels) })
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, t.labels(t.id, spec.Name, ""))
	labels[labelDigest] = image.digest
	return labels
}

// save writes the container's record.
func (b *box) save() error { return writeRecord(b.containerFile(b.id, b.record.Name), b.record) }

// StartContainer starts a created container.
func (e *Engine) StartContainer(ctx context.Context, id, name string) error {
	b, err := e.find(id, name)
	if err == nil {
		err = b.start(ctx, 1)
	}
	return told(ctx, engine.CannotStartContainer, err)
}

// RestartContainer starts a container that has stopped.
func (e *Engine) RestartContainer(ctx context.Context, id, name string, run int) error {
	b, err := e.find(id, name)
	if err == nil {
		err = b.start(ctx, run)
	}
	return told(ctx, engine.CannotStartContainer, err)
}

func (e *Engine) find(id, name string) (*box, error) {
	t, err := e.known(id)
	if err != nil {
		return nil, err
	}
	return t.box(name)
}

var errStopped = errors.New("it was stopped")

// start starts the container for the run-th time, unless it was.
func (b *box) start(ctx context.Context, run int) error {
	if err := b.refresh(ctx); err != nil {
		return err
	}
	b.mu.Lock()
	seen, halted, lost, gone := b.seen, b.record.Halted, b.lost, !b.gone.IsZero()
	b.mu.Unlock()
	switch {
	case lost != "":
		return errors.New(lost)
	case seen.Runs >= run:
		return nil
	case halted && run == 1:
		return nil // stopped before it began
	case halted:
		return errStopped
	case seen.Error != "":
		return errors.New(seen.Error)
	case run > 1 && !b.record.Restarts:
		return errors.New("it was not created to be restarted")
	case run > 1 && (seen.State == engine.Running || seen.Runs == 0):
		return fmt.Errorf("it is %s and has not stopped", seen.State)
	case gone:
		return fmt.Errorf("container %s was removed from Docker behind the agent's back: %w", b.record.Name, engine.ErrNotFound)
	}
	b.mu.Lock()
	b.record.Run, b.record.Before = run, seen.StartedAt
	err := b.save()
	b.mu.Unlock()
	if err != nil {
		return err
	}
	if b.record.Own { // with which its ports are taken
		if err := b.startPause(ctx, b.pauseOf(b.id, b.record.Name)); err != nil {
			return err
		}
		if err := b.awaitGuided(ctx); err != nil {
			return err
		}
	}
	err = b.ask(ctx, makeTime, "start container "+b.record.Name, func(ctx context.Context) error {
		_, err := b.api.ContainerStart(ctx, b.record.ID, client.ContainerStartOptions{})
		return err
	})
	if refreshErr := b.refresh(ctx); err == nil {
		err = refreshErr
	}
	return err
}

// openLog makes the container's spool.
func (b *box) openLog() error {
	if b.record.Log.Dir == "" {
		return nil
	}
	err := spool.Ensure(b.record.Log.Dir, b.spoolOptions())
	if err != nil {
		return fmt.Errorf("make the log spool: %w", err)
	}
	return nil
}

func (b *box) spoolOptions() spool.Options {
	return spool.Options{MaxBytes: b.record.Log.MaxBytes, NonBlocking: b.record.Log.NonBlocking}
}
