package service

import (
	"cmp"

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
	return api.DeploymentConfiguration{
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
	return checkBreaker(c.DeploymentCircuitBreaker)
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
