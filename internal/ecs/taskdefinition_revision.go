package ecs

import (
	"maps"
	"slices"
	"strconv"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/ecs/definition"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// revise makes the revision that a valid request registers.
func revise(scope store.Scope, r *api.RegisterTaskDefinitionRequest, revision Revision, by string, now time.Time) api.TaskDefinition {
	d := definition.Complete(r)
	d.TaskDefinitionArn = TaskDefinitionARN(scope, revision)
	d.Revision = int32(revision.Number)
	d.Status = api.TaskDefinitionStatusActive
	d.TaskRoleArn, d.ExecutionRoleArn = roleARN(scope, r.TaskRoleArn), roleARN(scope, r.ExecutionRoleArn)
	d.RegisteredAt, d.RegisteredBy = schema.At(now), by
	return d
}

// actedOn are the options of the log driver awslogs that the agent acts on.
var actedOn = []string{"awslogs-create-group", "awslogs-group", "awslogs-region", "awslogs-stream-prefix", "max-buffer-size", "mode"}

// refuse finds what AWS registers and Berth does not do yet, where the member alone does not tell.
func refuse(r *api.RegisterTaskDefinitionRequest) (found []wire.Refusal) {
	if r.NetworkMode == "" {
		found = append(found, wire.Refusal{Where: "networkMode", Why: "without it a task runs in network mode bridge, which is not there. Set it to awsvpc, host or none"})
	}
	for i := range r.ContainerDefinitions {
		l := r.ContainerDefinitions[i].LogConfiguration
		if l == nil || l.LogDriver != api.LogDriverAwslogs { // which is refused itself
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(l.Options)) {
			if !slices.Contains(actedOn, name) {
				found = append(found, wire.Refusal{Where: "containerDefinitions[" + strconv.Itoa(i) + "].logConfiguration.options." + name, Why: "lines are not joined"})
			}
		}
	}
	return found
}

func isSet(b *bool) bool { return b != nil && *b }

func amount(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// present makes an absent list an empty one.
func present[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
