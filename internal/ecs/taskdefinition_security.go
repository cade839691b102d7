package ecs

import (
	"fmt"
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire"
)

// refuseSecurity finds the security options of ECS that Berth doesn't act on. What is none of ECS's is the engine's to refuse.
func refuseSecurity(r *api.RegisterTaskDefinitionRequest) (found []wire.Refusal) {
	for i := range r.ContainerDefinitions {
		for n, option := range r.ContainerDefinitions[i].DockerSecurityOptions {
			kind, value, _ := strings.Cut(strings.Replace(option, "=", ":", 1), ":")
			if kind == "label" && value != "disable" || strings.HasPrefix(kind, "credentialspec") {
				found = append(found, wire.Refusal{Where: fmt.Sprintf("containerDefinitions[%d].dockerSecurityOptions[%d]", i, n),
					Why: "labels of SELinux and credential specifications are not there"})
			}
		}
	}
	return found
}
