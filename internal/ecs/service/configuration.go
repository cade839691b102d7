package service

import (
	"cmp"
	"math"

	api "github.com/berth-dev/berth/api/ecs"
)

// What a deployment configuration is where the request says nothing.
const (
	standardMinimum = 100 // percent
	standardMaximum = 200
	// Of DAEMON.
	daemonMinimum = 0
	daemonMaximum = 100
)

// configured is a deployment configuration with what a request says of it: what it leaves out stays. The zero value has nothing
// to stay, and gets what ECS makes of it.
func configured(was api.DeploymentConfiguration, asked *api.DeploymentConfiguration, scheduling api.SchedulingStrategy) api.DeploymentConfiguration {
	if asked == nil {
		asked = &api.DeploymentConfiguration{}
	}
	minimum, maximum := int32(standardMinimum), int32(standardMaximum)
	if scheduling == api.SchedulingStrategyDaemon {
		minimum, maximum = daemonMinimum, daemonMaximum
	}
	out := api.DeploymentConfiguration{
		MinimumHealthyPercent:    cmp.Or(asked.MinimumHealthyPercent, was.MinimumHealthyPercent, &minimum),
		MaximumPercent:           cmp.Or(asked.MaximumPercent, was.MaximumPercent, &maximum),
		DeploymentCircuitBreaker: cmp.Or(asked.DeploymentCircuitBreaker, was.DeploymentCircuitBreaker, &api.DeploymentCircuitBreaker{}),
		Alarms:                   cmp.Or(asked.Alarms, was.Alarms),
		Strategy:                 cmp.Or(asked.Strategy, was.Strategy, api.DeploymentStrategyRolling),
		BakeTimeInMinutes:        cmp.Or(asked.BakeTimeInMinutes, was.BakeTimeInMinutes),
		LifecycleHooks:           either(asked.LifecycleHooks, was.LifecycleHooks),
		LinearConfiguration:      cmp.Or(asked.LinearConfiguration, was.LinearConfiguration),
		CanaryConfiguration:      cmp.Or(asked.CanaryConfiguration, was.CanaryConfiguration),
		EarlySuccessCriteria:     cmp.Or(asked.EarlySuccessCriteria, was.EarlySuccessCriteria),
	}
	forgetOther(&out, asked)
	return out
}

// forgetOther drops what belongs to another strategy than the present one, and that nobody asks for.
func forgetOther(c, asked *api.DeploymentConfiguration) {
	if c.Strategy != api.DeploymentStrategyLinear && asked.LinearConfiguration == nil {
		c.LinearConfiguration = nil
	}
	if c.Strategy != api.DeploymentStrategyCanary && asked.CanaryConfiguration == nil {
		c.CanaryConfiguration = nil
	}
	if !shifts(c) && len(asked.LifecycleHooks) == 0 {
		c.LifecycleHooks = asked.LifecycleHooks
	}
	if !shifts(c) && asked.BakeTimeInMinutes == nil {
		c.BakeTimeInMinutes = nil
	}
}

// either is the list that a request has, though it be empty, or else the one that was.
func either[T any](asked, was []T) []T {
	if asked != nil {
		return asked
	}
	return was
}

// checkConfiguration says what is wrong with a deployment configuration.
func checkConfiguration(c *api.DeploymentConfiguration, scheduling api.SchedulingStrategy) error {
	minimum, maximum := *c.MinimumHealthyPercent, *c.MaximumPercent
	switch {
	case minimum < 0 || maximum < 0:
		return invalidParameter("minimumHealthyPercent and maximumPercent must not be negative.")
	case scheduling == api.SchedulingStrategyDaemon && maximum != daemonMaximum:
		return invalidParameter("The daemon scheduling strategy does not support values above 100 for maximumPercent on a deployment configuration. Change the value of maximumPercent to 100, and try again.")
	case minimum == 100 && maximum == 100:
		return invalidParameter("Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.")
	case scheduling == api.SchedulingStrategyReplica && maximum < 100:
		return invalidParameter("maximumPercent must be at least 100, but was %d.", maximum)
	case minimum > maximum:
		return invalidParameter("minimumHealthyPercent must not be greater than maximumPercent.")
	}
	return cmp.Or(checkBreaker(c.DeploymentCircuitBreaker), checkEarly(c))
}

// checkEarly says what is wrong with when a deployment is a success before it is through.
func checkEarly(c *api.DeploymentConfiguration) error {
	e := c.EarlySuccessCriteria
	switch {
	case e == nil || !e.Enable:
		return nil
	case c.Strategy != api.DeploymentStrategyRolling:
		return invalidParameter("earlySuccessCriteria are only valid for the deployment strategy ROLLING, but the strategy is %s.", c.Strategy)
	case e.HealthyPercent != nil && (*e.HealthyPercent < 1 || *e.HealthyPercent > 100):
		return invalidParameter("healthyPercent must be between 1 and 100, but was %d.", *e.HealthyPercent)
	}
	return nil
}

// shifts tells whether deployments shift the traffic between two revisions that run side by side.
func shifts(c *api.DeploymentConfiguration) bool {
	return c.Strategy == api.DeploymentStrategyBlueGreen || c.Strategy == api.DeploymentStrategyLinear || c.Strategy == api.DeploymentStrategyCanary
}

// maxBake is how many minutes a bake time may have: a day.
const maxBake = 1440

// checkShift says what is wrong with how a deployment configuration shifts the traffic.
func checkShift(c *api.DeploymentConfiguration, callable func(target string) error) error {
	minutes := func(name string, n *int32) error {
		if n != nil && (*n < 0 || *n > maxBake) {
			return invalidParameter("%s must be between 0 and %d, but was %d.", name, maxBake, *n)
		}
		return nil
	}
	tenths := func(name string, percent *float64, least float64) error {
		if percent != nil && (*percent < least || *percent > 100 || math.Abs(*percent*10-math.Round(*percent*10)) > 1e-6) {
			return invalidParameter("%s must be between %.1f and 100.0, in steps of 0.1, but was %v.", name, least, *percent)
		}
		return nil
	}
	linear, canary := c.LinearConfiguration, c.CanaryConfiguration
	switch {
	case !shifts(c) && c.BakeTimeInMinutes != nil && *c.BakeTimeInMinutes != 0:
		return invalidParameter("bakeTimeInMinutes is not supported by Berth for the deployment strategy %s: there are no alarms that it waits for.", c.Strategy)
	case linear != nil && c.Strategy != api.DeploymentStrategyLinear:
		return invalidParameter("linearConfiguration is only valid for the deployment strategy LINEAR, but the strategy is %s.", c.Strategy)
	case canary != nil && c.Strategy != api.DeploymentStrategyCanary:
		return invalidParameter("canaryConfiguration is only valid for the deployment strategy CANARY, but the strategy is %s.", c.Strategy)
	case linear != nil:
		return cmp.Or(tenths("stepPercent", linear.StepPercent, 3), minutes("stepBakeTimeInMinutes", linear.StepBakeTimeInMinutes),
			minutes("bakeTimeInMinutes", c.BakeTimeInMinutes), checkHooks(c, callable))
	case canary != nil:
		return cmp.Or(tenths("canaryPercent", canary.CanaryPercent, 0.1), minutes("canaryBakeTimeInMinutes", canary.CanaryBakeTimeInMinutes),
			minutes("bakeTimeInMinutes", c.BakeTimeInMinutes), checkHooks(c, callable))
	}
	return cmp.Or(minutes("bakeTimeInMinutes", c.BakeTimeInMinutes), checkHooks(c, callable))
}

// checkHooks says what is wrong with lifecycle hooks.
func checkHooks(c *api.DeploymentConfiguration, callable func(target string) error) error {
	if len(c.LifecycleHooks) > 0 && !shifts(c) {
		return invalidParameter("lifecycleHooks are only valid for the deployment strategies BLUE_GREEN, LINEAR and CANARY, but the strategy is %s.", c.Strategy)
	}
	for _, h := range c.LifecycleHooks {
		pause := h.TargetType == api.DeploymentLifecycleHookTargetTypePause
		switch {
		case len(h.LifecycleStages) == 0:
			return invalidParameter("lifecycleStages of a lifecycle hook can not be empty.")
		case pause && h.HookTargetArn != "":
			return invalidParameter("hookTargetArn is not valid for a lifecycle hook of type PAUSE.")
		case !pause && h.HookTargetArn == "":
			return invalidParameter("hookTargetArn can not be blank for a lifecycle hook of type AWS_LAMBDA.")
		}
		if t := h.TimeoutConfiguration; t != nil && t.TimeoutInMinutes != nil && *t.TimeoutInMinutes < 1 {
			return invalidParameter("timeoutInMinutes of a lifecycle hook must be at least 1, but was %d.", *t.TimeoutInMinutes)
		}
		if !pause {
			if err := callable(h.HookTargetArn); err != nil {
				return invalidParameter("The hook target %s can't be called: %v.", h.HookTargetArn, err)
			}
		}
	}
	return nil
}

// checkBreaker says what is wrong with a circuit breaker.
func checkBreaker(b *api.DeploymentCircuitBreaker) error {
	t := b.ThresholdConfiguration
	switch {
	case t == nil:
		return nil
	case t.Value < 1:
		return invalidParameter("The threshold of the deployment circuit breaker must be at least 1, but was %d.", t.Value)
	case t.Type != api.ThresholdTypeCount && t.Value > 100:
		return invalidParameter("The threshold of the deployment circuit breaker must be at most 100 percent, but was %d.", t.Value)
	}
	return nil
}
