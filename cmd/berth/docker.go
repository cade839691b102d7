package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/moby/moby/client"

	dockerengine "github.com/berth-dev/berth/internal/agent/engine/docker"
	"github.com/berth-dev/berth/internal/agent/image/shortname"
	"github.com/berth-dev/berth/internal/docker"
	"github.com/berth-dev/berth/internal/embedded"
	"github.com/berth-dev/berth/internal/instance"
)

// dockerHost is the file that says which daemon an instance has used: what it made there is to be found again.
const dockerHost = "docker-host"

// openDocker opens the engine and the network that a Docker daemon provides: the one of the person who started Berth.
func (m *machine) openDocker(ctx context.Context) error {
	starter := docker.Starter()
	api, host, err := docker.NewDaemon(starter, m.o.images.socket()).Connect()
	if errors.Is(err, docker.ErrNoDaemon) {
		return fmt.Errorf("%w: start Docker, or name its socket by --docker SOCKET; on Linux, root needs none (`%s`)", err, again())
	}
	if err != nil {
		return err
	}
	if err := noteDocker(m.in, host); err != nil {
		return err
	}
	containers, err := dockerengine.New(ctx, dockerengine.Config{
		Instance: m.in.ID, Dir: m.in.Path("agent", "docker"), Client: api, Pause: embedded.Pause, Hello: embedded.Hello, Log: m.log,
		ShortNames: (&shortname.Rule{Hub: m.o.images.hub}).Check,
		Login: func(ctx context.Context, registry string) (dockerengine.Login, bool, error) {
			login, err := starter.Login(ctx, registry)
			return dockerengine.Login(login), login != docker.Login{}, err
		},
	})
	if err != nil {
		return errors.Join(fmt.Errorf("start the engine: %w", err), api.Close())
	}
	m.engine, m.network, m.ground = watchPulls(yielding{containers, m.yield}, m.disk.Room), containers.Network(), ground{containers.Network()}
	m.closeLater(m.engine.Close)
	info, err := containers.Info(ctx)
	m.engineText = fmt.Sprintf("docker %s at %s", info.Version, host)
	return err
}

// noteDocker remembers a daemon. One instance has one: its tasks are there.
func noteDocker(in *instance.Instance, host string) error {
	path := in.Path("agent", dockerHost)
	was, err := os.ReadFile(path)
	switch {
	case err == nil && strings.TrimSpace(string(was)) != host:
		return fmt.Errorf("this Berth's tasks are on the Docker at %s, and not at %s: choose that one, or another Berth by --name", strings.TrimSpace(string(was)), host)
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(host+"\n"), 0o600)
}

// cleanTime bounds how long a daemon may take to remove what an instance has there.
const cleanTime = 5 * time.Minute

// cleanDocker removes what the instance has in the Docker daemon that it has used, if it has.
func cleanDocker(ctx context.Context, in *instance.Instance) error {
	host, err := os.ReadFile(in.Path("agent", dockerHost))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	api, err := client.New(client.WithHost(strings.TrimSpace(string(host))), client.WithTLSClientConfigFromEnv())
	if err != nil {
		return err
	}
	defer api.Close()
	ctx, cancel := context.WithTimeout(ctx, cleanTime)
	defer cancel()
	return dockerengine.Clean(ctx, api, in.ID)
}
