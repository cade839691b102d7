package ecs

import (
	"fmt"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// orphaned says why no agent is left to report on a live task; nil while there is one, or may be again.
//
// An EC2 instance that is only silent keeps its tasks, as on AWS: it may come back, and deregistering it settles the
// matter. A Fargate machine is nobody's to deregister; its tasks are given up when it has been silent for long enough.
func (r *reconciler) orphaned(scope store.Scope, t *Task, now time.Time) *Stop {
	stop := func(code api.TaskStopCode, format string, args ...any) *Stop {
		if t.StartedAt.IsZero() && code != api.TaskStopCodeUserInitiated {
			code = api.TaskStopCodeTaskFailedToStart
		}
		return &Stop{Code: code, Reason: fmt.Sprintf(format, args...), At: now}
	}
	row, ok := r.service.Instances.Get(scope, t.Instance)
	i := row.Value
	switch {
	case !ok || i.Status == instanceInactive:
		return stop(api.TaskStopCodeUserInitiated, "Container instance deregistration forced by user")
	case r.service.connected(i):
		return nil
	case t.Stop != nil && r.undelivered(i, t):
		return stop(t.Stop.Code, "%s", t.Stop.Reason)
	case i.Pool == FargatePool && r.silent(i, now) >= r.service.config.LostAfter:
		return stop(api.TaskStopCodeTerminationNotice, "The machine that the task was on has not answered for %s.", r.service.config.LostAfter)
	}
	return nil
}

// undelivered tells whether an instance without a session cannot have heard of the task: its last one ended before the
// task was made.
func (r *reconciler) undelivered(i *Instance, t *Task) bool {
	return i.Session == nil && !i.DisconnectedAt.IsZero() && i.DisconnectedAt.Before(t.CreatedAt)
}

// silent is for how long the instance has had no session. While no leader ran, nobody could have one.
func (r *reconciler) silent(i *Instance, now time.Time) time.Duration {
	last := r.since
	if i.DisconnectedAt.After(last) {
		last = i.DisconnectedAt
	}
	return now.Sub(last)
}
