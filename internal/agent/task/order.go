package task

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-dev/berth/api/acs"
)

// dependencies are what a container waits for before it starts, and what waits for it before that stops: what its
// definition says, and the START of the containers that it is linked to or has volumes from.
func dependencies(c *acs.Container) []acs.ContainerDependency {
	all := slices.Clone(c.DependsOn)
	imply := func(name string) {
		if !slices.ContainsFunc(all, func(d acs.ContainerDependency) bool { return d.ContainerName == name }) {
			all = append(all, acs.ContainerDependency{ContainerName: name, Condition: acs.ContainerConditionStart})
		}
	}
	for _, l := range c.Links {
		name, _, _ := strings.Cut(l, ":")
		imply(name)
	}
	for _, v := range c.VolumesFrom {
		imply(v.SourceContainer)
	}
	return all
}

// dependants are the names of the containers that wait for one.
func (t *task) dependants(name string) []string {
	var waiting []string
	for i := range t.payload.Containers {
		c := &t.payload.Containers[i]
		if slices.ContainsFunc(dependencies(c), func(d acs.ContainerDependency) bool { return d.ContainerName == name }) {
			waiting = append(waiting, c.Name)
		}
	}
	return waiting
}

// inOrder returns containers with each after all that it depends on, and otherwise as they are. Its error names a
// container that nothing of the kind can be said of: in a circle, or dependent on what is not there.
func inOrder(containers []acs.Container) ([]*acs.Container, error) {
	sorted := make([]*acs.Container, 0, len(containers))
	placed := map[string]bool{}
	for len(sorted) < len(containers) {
		next := slices.IndexFunc(containers, func(c acs.Container) bool {
			return !placed[c.Name] && !slices.ContainsFunc(dependencies(&c), func(d acs.ContainerDependency) bool { return !placed[d.ContainerName] })
		})
		if next < 0 {
			next = slices.IndexFunc(containers, func(c acs.Container) bool { return !placed[c.Name] })
			return nil, fmt.Errorf("the dependencies of its container %s are a circle, or name what is not there", containers[next].Name)
		}
		placed[containers[next].Name] = true
		sorted = append(sorted, &containers[next])
	}
	return sorted, nil
}
