package plan

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
)

// Hook is a lifecycle hook of a deployment configuration.
type Hook struct {
	Stages  []api.DeploymentLifecycleHookStage
	Kind    api.DeploymentLifecycleHookTargetType
	Target  string        // ARN or URL; empty for PAUSE
	Timeout time.Duration // 0: a day
	Action  api.DeploymentLifecycleHookAction
}

// hooksOf are the lifecycle hooks of a deployment configuration.
func hooksOf(c *api.DeploymentConfiguration) (out []Hook) {
	for _, h := range c.LifecycleHooks {
		hook := Hook{Stages: h.LifecycleStages, Kind: h.TargetType, Target: h.HookTargetArn}
		if hook.Kind == "" {
			hook.Kind = api.DeploymentLifecycleHookTargetTypeAwsLambda
		}
		if t := h.TimeoutConfiguration; t != nil {
			hook.Action = t.Action
			if t.TimeoutInMinutes != nil {
				hook.Timeout = time.Duration(*t.TimeoutInMinutes) * time.Minute
			}
		}
		out = append(out, hook)
	}
	return out
}

// Call is a hook that was called at a stage of a deployment. Who calls it (the loop), and who answers a pause, writes what came
// of it into Status.
type Call struct {
	ID        string // "ecs-pause-..."
	Hook      int    // its place among the configuration's
	Stage     api.DeploymentLifecycleHookStage
	Step      int // of the traffic's shift
	Status    api.DeploymentLifecycleHookStatus
	StartedAt time.Time
	ExpiresAt time.Time
	Action    api.DeploymentLifecycleHookAction // when it expires
}

// Open tells whether the call has no answer yet.
func (c *Call) Open() bool {
	return c.Status == api.DeploymentLifecycleHookStatusAwaitingAction || c.Status == api.DeploymentLifecycleHookStatusInProgress
}

// hookTimeout is how long a hook may take whose configuration does not say.
const hookTimeout = 24 * time.Hour

// ask calls the hooks of a stage, and tells what they say: all must agree.
func (p *pass) ask(d *Deployment, stage api.DeploymentLifecycleHookStage) passage {
	out := passes
	for i, h := range p.s.Shift.Hooks {
		if !slices.Contains(h.Stages, stage) {
			continue
		}
		at := slices.IndexFunc(d.Calls, func(c Call) bool { return c.Hook == i && c.Stage == stage && c.Step == d.Step })
		if at < 0 {
			at = len(d.Calls)
			d.Calls = append(d.Calls, p.call(d, i, stage))
		}
		switch p.answer(&d.Calls[at]) {
		case fails:
			return fails
		case waits:
			out = waits
		}
	}
	return out
}

// call is the call of a hook, from now on.
func (p *pass) call(d *Deployment, hook int, stage api.DeploymentLifecycleHookStage) Call {
	h := p.s.Shift.Hooks[hook]
	c := Call{Hook: hook, Stage: stage, Step: d.Step, Status: api.DeploymentLifecycleHookStatusInProgress, Action: h.Action, StartedAt: p.w.Now}
	kind := "lambda"
	if h.Kind == api.DeploymentLifecycleHookTargetTypePause {
		kind, c.Status = "pause", api.DeploymentLifecycleHookStatusAwaitingAction
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d/%s/%d", d.ID, hook, stage, d.Step))
	c.ID = "ecs-" + kind + "-" + base64.RawURLEncoding.EncodeToString(sum[:])
	if c.Action == "" {
		c.Action = api.DeploymentLifecycleHookActionRollback
	}
	timeout := h.Timeout
	if timeout == 0 {
		timeout = hookTimeout
	}
	c.ExpiresAt = p.w.Now.Add(timeout)
	return c
}

// answer is what a call has come to. However far the clock is set back, that lets none expire.
func (p *pass) answer(c *Call) passage {
	if c.Open() {
		if left := c.ExpiresAt.Sub(p.w.Now); left > 0 {
			p.wake(p.w.Now.Add(left))
			return waits
		}
		c.Status = api.DeploymentLifecycleHookStatusTimedOut
	}
	switch {
	case c.Status == api.DeploymentLifecycleHookStatusSucceeded:
		return passes
	case c.Status == api.DeploymentLifecycleHookStatusTimedOut && c.Action == api.DeploymentLifecycleHookActionContinue:
		return passes
	}
	return fails
}
