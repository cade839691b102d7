package definition

import api "github.com/berth-dev/berth/api/ecs"

// minTimeout is the least that a container's own start or stop timeout can be, in seconds.
const minTimeout = 2

func timeouts(_ *request, c *container) error {
	switch {
	case c.StartTimeout != nil && *c.StartTimeout < minTimeout:
		return invalid("Granular start timeout on container '%s' must be at least %d seconds.", c.Name, minTimeout)
	case c.StopTimeout != nil && *c.StopTimeout < minTimeout:
		return invalid("Granular stop timeout on container '%s' must be at least %d seconds.", c.Name, minTimeout)
	}
	return nil
}

// order checks what containers wait for.
func order(r *request) error {
	to := map[string][]string{}
	for i := range r.ContainerDefinitions {
		c := &r.ContainerDefinitions[i]
		for _, d := range c.DependsOn {
			if err := dependency(r, d); err != nil {
				return err
			}
			to[c.Name] = append(to[c.Name], d.ContainerName)
		}
	}
	if cyclic(r, to) {
		return invalid("Container dependencies should not have a cycle")
	}
	return nil
}

func dependency(r *request, d api.ContainerDependency) error {
	on := find(r, d.ContainerName)
	if on == nil {
		return invalid("Cannot depend on container + '%s' because it does not exist", d.ContainerName)
	}
	switch d.Condition {
	case api.ContainerConditionSuccess, api.ContainerConditionComplete:
		if Essential(on) {
			return invalid("A dependency container with SUCCESS or COMPLETE condition cannot be an essential container")
		}
	case api.ContainerConditionHealthy:
		if on.HealthCheck == nil {
			return invalid("A dependency container with HEALTHY condition must have health check configured")
		}
	}
	return nil
}
