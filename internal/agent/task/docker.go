package task

import (
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"
	"github.com/moby/moby/api/types/container"

	"github.com/berth-dev/berth/api/acs"
)

// Docker's own floors, which ECS raises smaller values to.
const (
	minCPUShares = 2
	minMemory    = 6 << 20
)

// config is a container's Docker configuration: what the payload's own members say, and over it what dockerConfig says.
func config(t *acs.Task, c *acs.Container, cluster string, environment map[string]string) (container.Config, container.HostConfig, error) {
	cfg := container.Config{Image: c.Image, Cmd: c.Command, Entrypoint: c.EntryPoint}
	host := container.HostConfig{}
	host.CPUShares = max(int64(c.Cpu), minCPUShares)
	if c.Memory > 0 {
		host.Memory = max(int64(c.Memory)<<20, minMemory)
	}
	if command, err := overriddenCommand(c.Overrides); err != nil {
		return cfg, host, fmt.Errorf("container %s: overrides: %w", c.Name, err)
	} else if command != nil {
		cfg.Cmd = command
	}
	if d := c.DockerConfig; d != nil {
		if err := decodeDocker(d.Config, &cfg); err != nil {
			return cfg, host, fmt.Errorf("container %s: dockerConfig.config: %w", c.Name, err)
		}
		if err := decodeDocker(d.HostConfig, &host); err != nil {
			return cfg, host, fmt.Errorf("container %s: dockerConfig.hostConfig: %w", c.Name, err)
		}
	}
	if _, err := checkOf(c); err != nil {
		return cfg, host, err
	}
	cfg.Healthcheck = nil // the agent makes it, whatever the engine
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		cfg.Env = append(cfg.Env, name+"="+environment[name])
	}
	cfg.Labels = labels(t, c, cluster)
	return cfg, host, nil
}

// platform is whose images the task runs, when its definition says so; empty: the machine's.
func (t *task) platform() string {
	if a := t.payload.BerthCpuArchitecture; a != "" {
		return "linux/" + a
	}
	return ""
}

// labels are those that ECS gives a container, and over them its definition's.
func labels(t *acs.Task, c *acs.Container, cluster string) map[string]string {
	all := map[string]string{
		"com.amazonaws.ecs.cluster":                 cluster,
		"com.amazonaws.ecs.container-name":          c.Name,
		"com.amazonaws.ecs.task-arn":                t.Arn,
		"com.amazonaws.ecs.task-definition-family":  t.Family,
		"com.amazonaws.ecs.task-definition-version": t.Version,
	}
	var own struct{ Labels map[string]string }
	if c.DockerConfig != nil {
		_ = decodeDocker(c.DockerConfig.Config, &own) // config tells of an error
	}
	maps.Copy(all, own.Labels)
	return all
}

// overriddenCommand reads a container's overrides, a JSON string in which the protocol knows the command alone.
func overriddenCommand(overrides string) ([]string, error) {
	if overrides == "" {
		return nil, nil
	}
	var o struct {
		Command []string `json:"command"`
	}
	err := json.Unmarshal([]byte(overrides), &o, json.RejectUnknownMembers(true))
	return o.Command, err
}

// decodeDocker reads Docker API JSON into v as Docker reads it: any case of names, durations in nanoseconds.
func decodeDocker(text string, v any) error {
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), v, jsonv1.DefaultOptionsV1())
}
