package task

import (
	"cmp"
	"fmt"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/berth-dev/berth/api/acs"
)

// check is how the health of a container is found out.
type check struct {
	command []string
	// interval is the time between two looks; timeout how long one may take; retries how many must fail in a row for the
	// container to be unhealthy; failures in its startPeriod don't count unless it has been healthy.
	interval, timeout, startPeriod time.Duration
	retries                        int
}

// Docker's defaults; the control plane fills in ECS's, which are the same.
const (
	checkInterval = 30 * time.Second
	checkTimeout  = 5 * time.Second
	checkRetries  = 3
)

// checkOf is a container's health check, nil when it has none. That of its image is ignored, as on ECS.
func checkOf(c *acs.Container) (*check, error) {
	var cfg struct{ Healthcheck *container.HealthConfig }
	if c.DockerConfig != nil {
		if err := decodeDocker(c.DockerConfig.Config, &cfg); err != nil {
			return nil, fmt.Errorf("container %s: dockerConfig.config: %w", c.Name, err)
		}
	}
	h := cfg.Healthcheck
	switch {
	case h == nil && c.HealthCheckType != "":
		return nil, fmt.Errorf("container %s: its health check of type %s is not in its dockerConfig", c.Name, c.HealthCheckType)
	case h == nil || len(h.Test) == 0:
		return nil, nil
	}
	k := &check{interval: cmp.Or(h.Interval, checkInterval), timeout: cmp.Or(h.Timeout, checkTimeout), startPeriod: h.StartPeriod, retries: cmp.Or(h.Retries, checkRetries)}
	switch h.Test[0] {
	case "NONE":
		return nil, nil
	case "CMD":
		k.command = h.Test[1:]
	case "CMD-SHELL":
		k.command = append([]string{"/bin/sh", "-c"}, h.Test[1:]...)
	default:
		k.command = h.Test
	}
	if len(k.command) == 0 {
		return nil, fmt.Errorf("container %s: its health check has no command", c.Name)
	}
	return k, nil
}
