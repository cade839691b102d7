package definition

import (
	"regexp"
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
)

const maxContainers = 10

// imageForm is what an image's name is made of; a digest does not count to its 255 characters.
var imageForm = regexp.MustCompile(`^[a-zA-Z0-9\-_:./#]{1,255}(@[a-zA-Z0-9:]+)?$`)

// names checks that there are containers, and that each has a name of its own.
func names(r *request) error {
	switch n := len(r.ContainerDefinitions); {
	case n == 0:
		return invalid("Container list cannot be empty.")
	case n > maxContainers:
		return invalid("Too many containers.")
	}
	seen := map[string]bool{}
	for i := range r.ContainerDefinitions {
		switch name := r.ContainerDefinitions[i].Name; {
		case name == "":
			return invalid("Container.name should not be null or empty.")
		case !nameForm.MatchString(name):
			return invalid("Container.name contains invalid characters.")
		case seen[name]:
			return invalid("Container names must be unique within a task definition.")
		default:
			seen[name] = true
		}
	}
	return nil
}

// containers checks each container by itself.
func containers(r *request) error {
	for i := range r.ContainerDefinitions {
		for _, check := range []func(*request, *container) error{
			image, memory, network, mappings, environment, environmentFiles, secrets, credentials, credentialSpecs, timeouts, health, restarts,
			ulimits, systemControls, linuxParameters, resources, logs, firelens,
		} {
			if err := check(r, &r.ContainerDefinitions[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func image(_ *request, c *container) error {
	switch {
	case c.Image == "":
		return invalid("Container.image should not be null or empty.")
	case !imageForm.MatchString(c.Image):
		return invalid("Container.image contains invalid characters.")
	}
	return nil
}

// isECR tells whether an image is in a private repository of Amazon ECR.
func isECR(image string) bool {
	host, _, _ := strings.Cut(image, "/")
	return strings.Contains(host, ".dkr.ecr.")
}

// Essential tells whether the task ends with the container.
func Essential(c *api.ContainerDefinition) bool { return c.Essential == nil || *c.Essential }

func essential(r *request) error {
	for i := range r.ContainerDefinitions {
		if Essential(&r.ContainerDefinitions[i]) {
			return nil
		}
	}
	return invalid("Task definition doesn't have any essential container.")
}

// find is the container of that name.
func find(r *request, name string) *container {
	for i := range r.ContainerDefinitions {
		if c := &r.ContainerDefinitions[i]; c.Name == name {
			return c
		}
	}
	return nil
}
