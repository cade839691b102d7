package main

import (
	"fmt"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// pullBehaviors are the values of ECS_IMAGE_PULL_BEHAVIOR.
var pullBehaviors = map[string]engine.PullPolicy{
	"prefer-cached": engine.PullIfAbsent, "once": engine.PullOnce, "default": engine.PullOrCached, "always": engine.PullAlways,
}

// pullFlag is --image-pull-behavior, a pflag.Value.
type pullFlag struct{ policy engine.PullPolicy }

// Set takes one of pullBehaviors.
func (p *pullFlag) Set(s string) error {
	policy, ok := pullBehaviors[s]
	if !ok {
		return fmt.Errorf("%q is none of prefer-cached, once, default and always", s)
	}
	p.policy = policy
	return nil
}

// String is the value's name.
func (p *pullFlag) String() string {
	for name, policy := range pullBehaviors {
		if policy == p.policy {
			return name
		}
	}
	return ""
}

// Type is what help calls a value.
func (*pullFlag) Type() string { return "string" }
