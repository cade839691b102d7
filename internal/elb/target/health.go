package target

import (
	"slices"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

const (
	initial     = balancer.Initial
	healthy     = balancer.Healthy
	unhealthy   = balancer.Unhealthy
	unavailable = balancer.Unavailable
)

// The descriptions that DescribeTargetHealth gives beside its reason codes.
const (
	textInitial  = "Initial health checks in progress"
	textDraining = "Target deregistration is in progress"
	textDisabled = "Health checks are disabled"
	textNotUsed  = "Target group is not configured to receive traffic from the load balancer"
	textZone     = "Target is in an Availability Zone that is not enabled for the load balancer"
	textTimeout  = "Request timed out"
	textFailed   = "Health checks failed"
	textCodes    = "Health checks failed with these codes: [%s]"
	textInternal = "Health checks failed due to an internal error"
)

// report is what there is to tell of a target.
type report struct {
	state       balancer.State
	reason      balancer.Reason
	description string
	drained     bool
}

// verdict is what health checks said of a target in use.
type verdict struct {
	report
	passed int // checks in a row
	failed int
}

// routable is whether requests go to the target by right, not for want of a better one.
func (v *verdict) routable() bool { return v.state == healthy || v.state == unavailable }

// judge takes the result of a check into account, and tells whether what is to be said of the target changed. The first check
// that passes makes a new target healthy; later it takes as many in a row as the group says.
func (v *verdict) judge(r result, check balancer.Check) bool {
	before := v.report
	if r.reason == "" {
		v.passed, v.failed = v.passed+1, 0
		if v.state == initial || v.passed >= check.Healthy {
			v.report = report{state: healthy}
		}
	} else {
		v.passed, v.failed = 0, v.failed+1
		if v.state == unhealthy || v.failed >= check.Unhealthy {
			v.report = report{state: unhealthy, reason: r.reason, description: r.description}
		}
	}
	return v.report != before
}

// begin makes the verdict that of a target that comes into use.
func (v *verdict) begin(check balancer.Check) {
	*v = verdict{report: report{state: initial, reason: balancer.InitialHealthChecking, description: textInitial}}
	if !check.Enabled {
		*v = verdict{report: report{state: unavailable, reason: balancer.HealthCheckDisabled, description: textDisabled}}
	}
}

// use follows from where load balancers stand that use the group: the target comes into use, or ends to be. Under the group's mu.
func (t *Target) use() {
	used := !t.left.Load() && slices.ContainsFunc(t.group.used, func(at balancer.Address) bool { return t.zone == "all" || t.zone == at.Zone })
	check := t.group.Spec().Check
	begins := used && (!t.used || check.Enabled == (t.verdict.state == unavailable))
	t.used = used
	switch {
	case begins:
		t.change = t.group.changes
		t.cool()
		t.verdict.begin(check)
		t.unprobe()
		if check.Enabled {
			t.startProbe()
		}
	case !used:
		t.cool()
		t.unprobe()
	}
}

// report is what there is to tell of the target. Under the group's mu.
func (t *Target) report() report {
	switch {
	case t.draining():
		return report{balancer.Draining, balancer.DeregistrationInProgress, textDraining, t.drained}
	case len(t.group.used) == 0:
		return report{state: balancer.Unused, reason: balancer.NotInUse, description: textNotUsed}
	case !t.used:
		return report{state: balancer.Unused, reason: balancer.NotInUse, description: textZone}
	}
	return t.verdict.report
}
