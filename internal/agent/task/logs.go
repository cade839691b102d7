package task

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/moby/moby/api/types/container"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/logdriver"
)

// Bounds of what a container's spool keeps unread.
const (
	blockingSpool    = 64 << 20
	nonBlockingSpool = 10 << 20 // what ECS takes for max-buffer-size
)

// logConfig is a container's log configuration; the zero value when it has none.
func logConfig(c *acs.Container) container.LogConfig {
	var host struct{ LogConfig container.LogConfig }
	if c.DockerConfig != nil {
		_ = decodeDocker(c.DockerConfig.HostConfig, &host) // config tells of an error
	}
	return host.LogConfig
}

// standardLog is how a container logs whose definition does not say: as with Docker into a file, but of a bounded size, and never
// at the cost of the container.
var standardLog = container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "10m", "max-file": "2", "mode": "non-blocking"}}

// logOf is the output of a container and where it goes. ok is false for one whose output is dropped.
func (t *task) logOf(c *acs.Container) (s logdriver.Source, ok bool) {
	cfg := logConfig(c)
	switch cfg.Type {
	case "none":
		return s, false
	case "":
		cfg = standardLog
	}
	s = logdriver.Source{Task: t.id, TaskARN: t.payload.Arn, Container: c.Name, Dir: t.spool(c.Name), Driver: cfg.Type, Options: cfg.Config,
		SecretOptions: t.secretOptions(c), Credentials: t.execution}
	if prefix := cfg.Config["awslogs-stream-prefix"]; prefix != "" {
		s.Stream = prefix + "/" + c.Name + "/" + t.id
	}
	if routed(c) && routerIn(t.payload.Containers) != nil {
		s = t.toRouter(s)
	}
	return s, true
}

// spool is where the output of a container waits to be shipped.
func (t *task) spool(container string) string { return filepath.Join(t.dir(), "spool", container) }

// followLog has the output of a container, which the engine has, shipped from now on. ctx ends the wait for the engine.
func (t *task) followLog(ctx context.Context, c *acs.Container) {
	s, ok := t.logOf(c)
	if !ok {
		return
	}
	s.Info = logdriver.Info{
		ContainerName: "/" + t.dockerName(c.Name), ContainerImageName: c.Image, ContainerCommand: slices.Concat(c.EntryPoint, c.Command),
		ContainerEnv:    environment(&t.payload, c, t.Region, t.endpoint, t.metadataID(c.Name)),
		ContainerLabels: labels(&t.payload, c, t.cluster()), DaemonName: "berth",
	}
	if s.Driver != "awslogs" { // which says nothing of the container
		status, _, err := t.inspect(ctx)
		if err != nil {
			return
		}
		if have := find(status, c.Name); have != nil {
			s.Info.ContainerID, s.Info.ContainerImageID, s.Info.ContainerCreated = have.RuntimeID, have.ImageDigest, have.CreatedAt
		}
	}
	t.Logs.Follow(s)
}

// followRest follows what an agent has not followed that came when the containers had stopped.
func (t *task) followRest(ctx context.Context) {
	for i := range t.payload.Containers {
		c := &t.payload.Containers[i]
		if _, err := os.Stat(t.spool(c.Name)); err == nil {
			t.followLog(ctx, c)
		}
	}
}

// prepareLogs has what the logs of containers need ready.
func (t *task) prepareLogs(ctx context.Context, containers []*acs.Container) error {
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for _, c := range containers {
		s, ok := t.logOf(c)
		if !ok {
			continue
		}
		wg.Go(func() {
			err := t.Logs.Prepare(ctx, s)
			var failed *failure // secret options
			switch {
			case err == nil || ctx.Err() != nil:
			case errors.As(err, &failed):
				cancel(failed)
			default:
				cancel(&failure{clip(t.cannotLog(s.Driver, err))})
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// cannotLog is why a container can't log, as ECS has it from the Fargate agent or from Docker.
func (t *task) cannotLog(driver string, err error) string {
	var away *logdriver.Unavailable
	switch {
	case driver == "awslogs" || t.payload.LaunchType == "FARGATE":
		return fmt.Sprintf("ResourceInitializationError: failed to validate logger args: %v", err)
	case errors.As(err, &away):
		return fmt.Sprintf("CannotStartContainerError: Error response from daemon: %v", err)
	}
	return fmt.Sprintf("CannotCreateContainerError: Error response from daemon: %v", err)
}

// execution returns the credentials of the task's execution role, if it has one.
func (t *task) execution(ctx context.Context) (acs.IAMRoleCredentials, bool) {
	if t.payload.ExecutionRoleCredentials == nil {
		return acs.IAMRoleCredentials{}, false
	}
	return t.Keyring.Wait(ctx, t.id, acs.RoleTypeTaskExecution)
}

// logSpec is how the engine keeps a container's output.
func (t *task) logSpec(c *acs.Container) engine.LogSpec {
	s, ok := t.logOf(c)
	if !ok {
		return engine.LogSpec{}
	}
	spec := engine.LogSpec{Dir: s.Dir, MaxBytes: blockingSpool}
	if !s.Blocking() {
		spec.NonBlocking, spec.MaxBytes = true, nonBlockingSpool
		if n, ok := size(s.Options["max-buffer-size"]); ok {
			spec.MaxBytes = n
		}
	}
	if n, err := strconv.ParseInt(s.Options["fluentd-buffer-limit"], 10, 32); err == nil && n > 0 {
		spec.MaxBytes = min(spec.MaxBytes, n<<10) // it counts events
	}
	return spec
}

// size reads a size as Docker writes it: "4m", "512k", "1048576".
func size(s string) (int64, bool) {
	s = strings.TrimSuffix(strings.ToLower(strings.TrimSpace(s)), "b")
	shift := 0
	for unit, by := range map[string]int{"k": 10, "m": 20, "g": 30} {
		if rest, found := strings.CutSuffix(s, unit); found {
			s, shift = rest, by
			break
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 32)
	return n << shift, err == nil && n > 0
}

// containerSpec is what the engine makes a container from.
func (t *task) containerSpec(c *acs.Container) (engine.ContainerSpec, error) {
	endpoint := t.endpoint
	if dockerSaysOf(c).NetworkDisabled { // nothing answers there
		endpoint = ""
	}
	env := t.linkVariables(c)
	maps.Copy(env, environment(&t.payload, c, t.Region, endpoint, t.metadataID(c.Name)))
	maps.Copy(env, t.secretVariables(c))
	cfg, host, err := config(&t.payload, c, t.cluster(), env)
	spec := engine.ContainerSpec{Name: c.Name, DockerName: t.dockerName(c.Name), Image: t.imageOf(c), Platform: t.platform(), Config: cfg, Host: host, Log: t.logSpec(c),
		Restarts: restartable(c)}
	if err == nil {
		err = t.joinNetwork(c, &spec)
	}
	if err == nil {
		err = t.mount(c, &spec.Host)
	}
	if err == nil {
		err = t.etcFiles(&spec)
	}
	if err == nil {
		err = t.routing(c, &spec)
	}
	return spec, err
}
