package service

import (
	"context"
	"errors"
	"slices"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs/service/hook"
	"github.com/berth-dev/berth/internal/ecs/service/plan"
	"github.com/berth-dev/berth/internal/store"
)

// called takes the hooks that a plan calls into the deployment's record. A plan adds calls and takes none away.
func (d *Deployment) called(calls []plan.Call) {
	hooks := make([]Hook, len(calls))
	for i, c := range calls {
		if i < len(d.Hooks) {
			hooks[i] = d.Hooks[i]
		} else {
			hooks[i] = Hook{ID: c.ID, Index: c.Hook, Stage: c.Stage, Step: c.Step, Kind: api.DeploymentLifecycleHookTargetTypePause,
				StartedAt: c.StartedAt, ExpiresAt: c.ExpiresAt, Action: c.Action}
			if c.Status == api.DeploymentLifecycleHookStatusInProgress {
				hooks[i].Kind, hooks[i].Target = api.DeploymentLifecycleHookTargetTypeAwsLambda, d.Configuration.LifecycleHooks[c.Hook].HookTargetArn
			}
		}
		hooks[i].Status = c.Status
	}
	d.Hooks = hooks
}

// callHooks has the functions called that a deployment waits for.
func (l *loop) callHooks(ctx context.Context, key serviceKey, d *Deployment) {
	if d == nil {
		return
	}
	for _, h := range d.Hooks {
		if h.Status == api.DeploymentLifecycleHookStatusInProgress && l.mayCall(h.ID) {
			l.calls.Go(func() {
				l.callHook(ctx, key, d.Key(), h)
				l.mu.Lock()
				defer l.mu.Unlock()
				delete(l.calling, h.ID)
			})
		}
	}
}

// mayCall tells whether nobody calls a hook yet; from then on the caller does.
func (l *loop) mayCall(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.calling[id] {
		return false
	}
	l.calling[id] = true
	return true
}

// hookRetry is how long a function is left alone that could not be asked.
const hookRetry = 30 * time.Second

// callHook asks a function until it has answered, or nobody waits for the answer any more.
func (l *loop) callHook(ctx context.Context, key serviceKey, deployment string, h Hook) {
	wait := time.Until(h.AskAt)
	for {
		timer := time.NewTimer(max(0, wait))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		row, ok := l.Deployments.Get(key.scope, deployment)
		if !ok || !row.Value.awaits(h.ID) {
			return
		}
		answer, err := l.config.Hooks.Call(ctx, h.Target, row.Value.hookEvent(key.scope, h))
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, hook.ErrUnknownTarget): // the endpoint was configured when the service was made, and is not any more
			answer = hook.Answer{Status: hook.Failed}
		case err != nil:
			l.log.Warn("a lifecycle hook could not be asked, and will be again", "deployment", deployment, "target", h.Target, "error", err)
			wait = hookRetry
			continue
		}
		if err := l.answered(ctx, key, deployment, h.ID, answer); err != nil {
			l.log.Error("what a lifecycle hook answered could not be written, and it will be asked again", "deployment", deployment, "error", err)
			wait = hookRetry
			continue
		} else if answer.Status != hook.InProgress {
			return
		}
		h.Details, wait = answer.Details, answer.After
	}
}

// awaits tells whether the deployment waits for the answer of a hook.
func (d *Deployment) awaits(id string) bool {
	return !d.over() && slices.ContainsFunc(d.Hooks, func(h Hook) bool { return h.ID == id && h.Status == api.DeploymentLifecycleHookStatusInProgress })
}

// answered writes what a hook answered. The service's record is written too: the scheduler looks at it anew.
func (l *loop) answered(ctx context.Context, key serviceKey, deployment, id string, a hook.Answer) error {
	return l.leader.Update(ctx, func(tx *store.Tx) error {
		found, ok := l.Deployments.GetTx(tx, key.scope, deployment)
		v, there := l.Services.GetTx(tx, key.scope, key.key)
		if !ok || !there || !found.awaits(id) {
			return nil
		}
		d := *found
		d.Hooks = slices.Clone(d.Hooks)
		h := &d.Hooks[slices.IndexFunc(d.Hooks, func(h Hook) bool { return h.ID == id })]
		h.Status, h.Details = api.DeploymentLifecycleHookStatus(a.Status), a.Details
		now := time.Now().UTC()
		if h.AskAt = now.Add(a.After); a.Status != hook.InProgress {
			h.AskAt = time.Time{}
		}
		d.UpdatedAt = now
		if err := l.Deployments.Put(tx, key.scope, deployment, &d); err != nil {
			return err
		}
		changed := *v
		changed.Version++
		return l.Services.Put(tx, key.scope, key.key, &changed)
	})
}

// hookEvent is what a hook of the deployment is called with.
func (d *Deployment) hookEvent(scope store.Scope, h Hook) hook.Event {
	target := RevisionARN(scope, d.Cluster, d.Service, d.Target.Revision)
	e := hook.Event{ExecutionID: h.ID, LifecycleStage: string(h.Stage), ResourceARN: DeploymentARN(scope, d.Cluster, d.Service, d.ID),
		HookDetails: h.Details, ExecutionDetails: hook.Details{ServiceARN: ARN(scope, d.Cluster, d.Service), TargetServiceRevisionARN: target,
			TestTrafficWeights: map[string]float64{}, ProductionTrafficWeights: map[string]float64{}}}
	if len(e.HookDetails) == 0 {
		e.HookDetails = d.Configuration.LifecycleHooks[h.Index].HookDetails
	}
	for _, of := range append([]Source{d.Target}, d.Sources...) {
		arn := RevisionARN(scope, d.Cluster, d.Service, of.Revision)
		if of.TestWeight != nil {
			e.ExecutionDetails.TestTrafficWeights[arn] = *of.TestWeight
		}
		if of.ProductionWeight != nil {
			e.ExecutionDetails.ProductionTrafficWeights[arn] = *of.ProductionWeight
		}
	}
	return e
}
