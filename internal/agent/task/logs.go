package task

import (
	"context"
	"maps"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine"
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

// logOf is the output of a container that is shipped. ok is false for one whose output is dropped.
func (t *task) logOf(c *acs.Container) (l Log, ok bool) {
	cfg := logConfig(c)
	if cfg.Type != "awslogs" {
		return Log{}, false
	}
	l = Log{Task: t.id, TaskARN: t.payload.Arn, Container: c.Name, Dir: t.spool(c.Name), Options: cfg.Config,
		SecretOptions: t.secretOptions(c), Credentials: t.execution}
	if prefix := cfg.Config["awslogs-stream-prefix"]; prefix != "" {
		l.Stream = prefix + "/" + c.Name + "/" + t.id
	}
	return l, true
}

// spool is where the output of a container waits to be shipped.
func (t *task) spool(container string) string { return filepath.Join(t.dir(), "spool", container) }

// execution returns the credentials of the task's execution role, if it has one.
func (t *task) execution(ctx context.Context) (acs.IAMRoleCredentials, bool) {
	if t.payload.ExecutionRoleCredentials == nil {
		return acs.IAMRoleCredentials{}, false
	}
	return t.Keyring.Wait(ctx, t.id, acs.RoleTypeTaskExecution)
}

// logSpec is how the engine keeps a container's output.
func (t *task) logSpec(c *acs.Container) engine.LogSpec {
	l, ok := t.logOf(c)
	if !ok {
		return engine.LogSpec{}
	}
	spec := engine.LogSpec{Dir: l.Dir, MaxBytes: blockingSpool}
	if l.Options["mode"] == "non-blocking" {
		spec.NonBlocking, spec.MaxBytes = true, nonBlockingSpool
		if n, ok := size(l.Options["max-buffer-size"]); ok {
			spec.MaxBytes = n
		}
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
	env := environment(&t.payload, c, t.Region, t.endpoint, t.metadataID(c.Name))
	maps.Copy(env, t.secretVariables(c))
	cfg, host, err := config(&t.payload, c, t.cluster(), env)
	return engine.ContainerSpec{Name: c.Name, Image: c.Image, Config: cfg, Host: host, Log: t.logSpec(c)}, err
}
