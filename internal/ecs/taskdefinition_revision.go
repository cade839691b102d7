package ecs

import (
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

// refuse finds what AWS registers and Berth does not do yet, where the member alone does not tell.
func refuse(r *api.RegisterTaskDefinitionRequest) (found []wire.Refusal) {
	if r.NetworkMode == "" {
		found = append(found, wire.Refusal{Where: "networkMode", Why: "without it a task runs in network mode bridge, which is not there. Set it to awsvpc, host or none"})
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
