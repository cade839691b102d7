package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/progress"
)

// waitOptions are the flags of verbs that wait for a deployment.
type waitOptions struct {
	detach  bool
	timeout time.Duration
}

func (o *waitOptions) flags(f *pflag.FlagSet) {
	f.BoolVarP(&o.detach, "detach", "d", false, "do not wait for the end of the deployment")
	f.DurationVar(&o.timeout, "timeout", 15*time.Minute, "for how `LONG` to wait, such as 90s or 1h; 0: for ever. The deployment goes on after it")
}

func (o *waitOptions) check() error {
	if o.timeout < 0 {
		return usagef("--timeout %s: it is a time to wait, such as 15m, or 0", o.timeout)
	}
	return nil
}

// deployed is what a deployment has come to.
type deployed struct {
	Service    string                      `json:"service"`
	ARN        string                      `json:"serviceArn"`
	Deployment string                      `json:"serviceDeploymentArn"`
	Definition string                      `json:"taskDefinition"` // family:revision
	Status     ecs.ServiceDeploymentStatus `json:"status"`
	Running    int32                       `json:"runningCount"`
	Seconds    float64                     `json:"seconds"`
}

func (r *rollout) outcome(d *ecs.ServiceDeployment) *deployed {
	return &deployed{Service: r.service.ServiceName, ARN: r.service.ServiceArn, Deployment: r.deployment, Definition: r.definition, Status: d.Status,
		Running: r.service.RunningCount, Seconds: time.Since(r.began).Seconds()}
}

// failed says why the deployment has failed.
func (r *rollout) failed(d *ecs.ServiceDeployment) error {
	ended := map[ecs.ServiceDeploymentStatus]string{
		ecs.ServiceDeploymentStatusStopped:            "was stopped",
		ecs.ServiceDeploymentStatusRollbackSuccessful: "failed and was rolled back",
		ecs.ServiceDeploymentStatusRollbackFailed:     "failed, and so did its rollback",
	}[d.Status]
	reason := d.StatusReason
	if reason == "" && d.Rollback != nil {
		reason = d.Rollback.Reason
	}
	return fmt.Errorf("the deployment of %s to %s %s: %s; %s", r.definition, r.service.ServiceName, ended, strings.TrimSuffix(progress.Plain(cmp.Or(reason, "no reason is given")), "."), r.evidence())
}

func (r *rollout) tooSlow(d *ecs.ServiceDeployment, timeout time.Duration) error {
	running := int32(0)
	if own := r.own(); own != nil {
		running = own.RunningCount
	}
	return fmt.Errorf("the deployment of %s to %s is %s after %s, with %s running, and goes on; %s", r.definition, r.service.ServiceName, d.Status, timeout, count(int(running), "task"), r.evidence())
}

// evidence is what a failure ends with: why the last task of it stopped, else the newest event, and what to type next.
func (r *rollout) evidence() string {
	why := fmt.Sprintf("`%s` explains it", r.t.flags.line("why", r.service.ServiceName))
	switch {
	case r.failure != "":
		return r.failure + "; " + why
	case r.lastEvent != "":
		return "newest event: " + strings.TrimSuffix(r.lastEvent, ".") + "; " + why
	}
	return why
}

// end waits for the deployment unless that is not wanted, and prints what it has come to.
func (r *rollout) end(ctx context.Context, o waitOptions, out io.Writer) error {
	if o.detach {
		d := &deployed{Service: r.service.ServiceName, ARN: r.service.ServiceArn, Deployment: r.deployment, Definition: r.definition, Status: r.ordered, Running: r.service.RunningCount}
		return r.t.flags.say(out, d, "%s is being deployed to %s", d.Definition, d.Service)
	}
	d, err := r.wait(ctx, o.timeout)
	if err != nil {
		return err
	}
	return r.t.flags.say(out, d, "%s runs %s in %s, after %.1fs", d.Service, d.Definition, count(int(d.Running), "task"), d.Seconds)
}
