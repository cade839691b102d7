package task

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/firelens"
	"github.com/berth-dev/berth/internal/agent/logdriver"
)

// awsfirelens is the log driver of containers whose output goes to the task's router.
const awsfirelens = "awsfirelens"

// routed says that a container logs to the task's router.
func routed(c *acs.Container) bool {
	return c.FirelensConfiguration == nil && logConfig(c).Type == awsfirelens
}

// routerIn is the container among others that is their FireLens router; nil when there is none.
func routerIn(containers []acs.Container) *acs.Container {
	i := slices.IndexFunc(containers, func(c acs.Container) bool { return c.FirelensConfiguration != nil })
	if i < 0 {
		return nil
	}
	return &containers[i]
}

// awaitRouter has the containers that log to a router start after it, and so stop before it.
func awaitRouter(containers []acs.Container) {
	router := routerIn(containers)
	if router == nil {
		return
	}
	for i := range containers {
		c := &containers[i]
		if routed(c) && !slices.ContainsFunc(c.DependsOn, func(d acs.ContainerDependency) bool { return d.ContainerName == router.Name }) {
			c.DependsOn = append(slices.Clone(c.DependsOn), acs.ContainerDependency{ContainerName: router.Name, Condition: acs.ContainerConditionStart})
		}
	}
}

// toRouter is how the output of a container reaches the router: by its socket, as the ECS agent has Docker send it.
func (t *task) toRouter(s logdriver.Source) logdriver.Source {
	options := map[string]string{
		"fluentd-address": "unix://" + filepath.Join(t.routerDir(), "socket", filepath.Base(firelens.Socket)), "fluentd-async": "true",
		"fluentd-sub-second-precision": "true", "tag": firelens.Tag(s.Container, t.id),
	}
	for _, name := range []string{"mode", "max-buffer-size"} {
		if value, ok := s.Options[name]; ok {
			options[name] = value
		}
	}
	if limit, ok := s.Options["log-driver-buffer-limit"]; ok {
		options["fluentd-buffer-limit"] = limit
	}
	s.Driver, s.Options, s.SecretOptions = "fluentd", options, nil // secrets are the router's
	return s
}

// routerDir holds what the router and the agent share.
func (t *task) routerDir() string { return filepath.Join(t.dir(), "firelens") }

// routing adds to a container what FireLens gives it: to the router its configuration, its socket and its secrets, to the others
// where it is.
func (t *task) routing(c *acs.Container, spec *engine.ContainerSpec) error {
	router := routerIn(t.payload.Containers)
	switch {
	case router == nil:
		return nil
	case router.Name == c.Name:
		return t.configureRouter(c, spec)
	}
	if at := t.routerHost(router.Name); at != "" && routed(c) {
		spec.Config.Env = append(spec.Config.Env, "FLUENT_HOST="+at, "FLUENT_PORT="+firelens.Port)
	}
	return nil
}

// routerHost is the address of the router as the task's other containers see it; empty where they have no network in common.
func (t *task) routerHost(router string) string {
	switch t.payload.NetworkMode {
	case "awsvpc":
		return "127.0.0.1"
	case "bridge", "":
		if own := t.ownOf(router); own != nil && own.Address.IsValid() {
			return own.Address.String()
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		if have := find(t.seen, router); have != nil && have.Address.IsValid() {
			return have.Address.String()
		}
	}
	return ""
}

func (t *task) configureRouter(c *acs.Container, spec *engine.ContainerSpec) error {
	kind := string(c.FirelensConfiguration.Type)
	r := firelens.Router{Type: kind, Include: c.FirelensConfiguration.Options["config-file-value"]}
	switch t.payload.NetworkMode {
	case "awsvpc":
		r.Listen = "127.0.0.1"
	case "bridge", "":
		r.Listen = "0.0.0.0"
	}
	if is, err := strconv.ParseBool(c.FirelensConfiguration.Options["enable-ecs-log-metadata"]); is || err != nil { // it is by default
		r.Fields = map[string]string{"ecs_cluster": t.cluster(), "ecs_task_arn": t.payload.Arn, "ecs_task_definition": t.payload.Family + ":" + t.payload.Version}
	}
	for i := range t.payload.Containers {
		from := &t.payload.Containers[i]
		if !routed(from) {
			continue
		}
		o := firelens.Output{Container: from.Name, Options: logConfig(from).Config, Secrets: map[string]string{}}
		for name, value := range t.secretsFor(from, acs.SecretTargetLogDriver) {
			variable := fmt.Sprintf("%s_%d", name, i)
			o.Secrets[name] = variable
			spec.Config.Env = append(spec.Config.Env, variable+"="+value)
		}
		r.Outputs = append(r.Outputs, o)
	}
	text, err := r.Configuration()
	if err != nil {
		return err
	}
	socket, file := filepath.Join(t.routerDir(), "socket"), filepath.Join(t.routerDir(), "router.conf")
	if err := os.MkdirAll(socket, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(socket, 0o777); err != nil { // the router may run as anybody; the task's directory is root's alone
		return err
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return err
	}
	spec.Host.Binds = append(spec.Host.Binds, file+":"+firelens.Paths[kind]+":ro", socket+":"+firelens.SocketDir)
	return nil
}

// settleTimeout is how long a router goes on for the sake of what the others have printed.
const settleTimeout = 10 * time.Second

// settle waits, before a container is stopped, until it has what the containers have printed that log to it and have stopped.
func (t *task) settle(ctx context.Context, container string) {
	if router := routerIn(t.payload.Containers); router == nil || router.Name != container {
		return
	}
	var names []string
	for i := range t.payload.Containers {
		if routed(&t.payload.Containers[i]) {
			names = append(names, t.payload.Containers[i].Name)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	if err := t.Logs.Drain(ctx, t.id, names...); err != nil {
		t.log.Warn("a FireLens router stops before it has all that was printed", "error", err)
	}
}

// secretsFor are a container's secrets with a target, by name. prepareSecrets comes first.
func (t *task) secretsFor(c *acs.Container, target acs.SecretTarget) map[string]string {
	t.secrets.mu.Lock()
	defer t.secrets.mu.Unlock()
	return maps.Clone(valuesFor(c, target, t.secrets.values))
}
