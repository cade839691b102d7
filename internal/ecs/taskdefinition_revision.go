package ecs

import (
	"strconv"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/ecs/definition"
	"github.com/berth-dev/berth/internal/store"
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
