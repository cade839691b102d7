package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/go-json-experiment/json"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/docker/carrier"
)

// pauseRepository names the image of the pause program; its tag is the hash of the program.
const pauseRepository = "berth/pause"

// pauseImage is the image as this process knows it.
type pauseImage struct {
	mu   sync.Mutex
	name string // empty until the program was looked at
}

// ready makes the image present and returns its name.
func (p *pauseImage) ready(ctx context.Context, e *Engine) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	platform := ocispec.Platform{OS: "linux", Architecture: goArchitecture(e.info.Architecture)}
	if p.name == "" {
		program, err := e.config.Pause(platform.Architecture)
		if err != nil {
			return "", err
		}
		p.name = fmt.Sprintf("%s:%x", pauseRepository, sha256.Sum256(program))[:len(pauseRepository)+13]
	}
	err := e.ask(ctx, askTime, "look for the pause image", func(ctx context.Context) error {
		_, err := e.api.ImageInspect(ctx, p.name)
		return err
	})
	if err == nil || !errors.Is(err, engine.ErrNotFound) {
		return p.name, err
	}
	program, err := e.config.Pause(platform.Architecture)
	if err != nil {
		return "", err
	}
	return p.name, e.importProgram(ctx, p.name, platform, "berth-pause", program, `ENTRYPOINT ["/berth-pause"]`)
}

// importProgram makes an image of one program.
func (e *Engine) importProgram(ctx context.Context, name string, platform ocispec.Platform, file string, program []byte, changes ...string) error {
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	err := w.WriteHeader(&tar.Header{Name: file, Mode: 0o755, Size: int64(len(program)), ModTime: time.Unix(0, 0)})
	if err == nil {
		_, err = w.Write(program)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return err
	}
	return e.ask(ctx, makeTime, "make image "+name, func(ctx context.Context) error {
		answer, err := e.api.ImageImport(ctx, client.ImageImportSource{Source: &files, SourceName: "-"}, name,
			client.ImageImportOptions{Changes: changes, Platform: platform})
		if err != nil {
			return err
		}
		defer answer.Close()
		_, err = io.Copy(io.Discard, answer)
		return err
	})
}

// goArchitecture is Docker's name of an architecture, which is the kernel's, as Go's.
func goArchitecture(name string) string {
	switch name {
	case "x86_64":
		return "amd64"
	case "aarch64":
		return "arm64"
	}
	return name
}

// taskPause is what the task's own pause container is made from.
func (t *task) taskPause() (p pauseSpec, err error) {
	spec := t.record.Spec
	p.config = carrier.Config{Listen: spec.Listen}
	p.host = &container.HostConfig{NetworkMode: "host", IpcMode: "private"}
	if spec.IPCMode == engine.TaskNamespace {
		p.host.IpcMode = "shareable"
	}
	if spec.NetNS == "" && !spec.NoNetwork {
		if t.record.bridged() {
			p.config.Listen, p.host.NetworkMode = "", "none"
		}
		return p, nil
	}
	p.hostname = spec.Hostname
	if err := readFiles(&p.config, spec.ResolvConf, spec.Hosts); err != nil {
		return p, err
	}
	if p.host.NetworkMode = "none"; spec.NetNS != "" {
		if err := t.leg(&p); err != nil {
			return p, err
		}
	}
	p.config.Metadata()
	return p, nil
}

// readFiles has the pause program write what containers are to see of /etc: Docker shows those that join its namespace its
// files.
func readFiles(config *carrier.Config, resolvConf, hosts string) error {
	for path, in := range map[string]string{resolvConf: "/etc/resolv.conf", hosts: "/etc/hosts"} {
		if path == "" {
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if config.Files == nil {
			config.Files = map[string]string{}
		}
		config.Files[in] = string(content)
	}
	return nil
}

// pauseSpec is what a pause container is made from.
type pauseSpec struct {
	container string // whose network it keeps; empty: the task's
	hostname  string
	ports     network.PortSet   // that the host's may lead to
	labels    map[string]string // beside its own
	config    carrier.Config
	host      *container.HostConfig
	net       *network.NetworkingConfig
}

// makePause makes a pause container, unless it is there.
func (e *Engine) makePause(ctx context.Context, id string, p pauseSpec) error {
	image, err := e.pause.ready(ctx, e)
	if err != nil {
		return err
	}
	text, err := json.Marshal(p.config, json.Deterministic(true))
	if err != nil {
		return err
	}
	labels := e.labels(id, p.container, rolePause)
	maps.Copy(labels, p.labels)
	host := p.host
	host.CapDrop, host.CapAdd = []string{"ALL"}, []string{"NET_ADMIN", "NET_BIND_SERVICE", "DAC_OVERRIDE"}
	if host.NetworkMode.IsHost() {
		host.CapAdd = nil
	}
	host.SecurityOpt = []string{"no-new-privileges"}
	host.LogConfig = container.LogConfig{Type: "none"}
	return e.ask(ctx, makeTime, "make pause container", func(ctx context.Context) error {
		_, err := e.api.ContainerCreate(ctx, client.ContainerCreateOptions{
			Name: e.pauseOf(id, p.container), HostConfig: host, NetworkingConfig: p.net,
			Config: &container.Config{Image: image, Cmd: []string{string(text)}, Labels: labels, OpenStdin: true,
				Hostname: p.hostname, ExposedPorts: p.ports, Healthcheck: noHealthcheck()},
		})
		if errdefs.IsConflict(err) { // an agent that died has made it
			return nil
		}
		return err
	})
}

// noHealthcheck has the daemon check nothing, whatever the image says: that is the agent's matter.
func noHealthcheck() *container.HealthConfig { return &container.HealthConfig{Test: []string{"NONE"}} }

// startPause starts a pause container. One that runs is left as it is, and one that has ended does not start again: what it
// kept is gone.
func (e *Engine) startPause(ctx context.Context, name string) error {
	c, err := e.inspect(ctx, name)
	if err != nil {
		return err
	}
	switch {
	case c.State.Running:
		return nil
	case c.State.Error != "":
		return errors.New(c.State.Error)
	case c.State.Status != container.StateCreated:
		return nil // the task is lost, which refresh tells
	}
	return e.ask(ctx, makeTime, "start pause container", func(ctx context.Context) error {
		_, err := e.api.ContainerStart(ctx, c.ID, client.ContainerStartOptions{})
		if err != nil && strings.Contains(err.Error(), "already exists") {
			// A daemon that died while it started this one has left half of it below, and never starts it. Nothing ran: the
			// next try makes another.
			_, removed := e.api.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true})
			return fmt.Errorf("%w: %w", engine.ErrUnavailable, errors.Join(err, removed))
		}
		return err
	})
}
