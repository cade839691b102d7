package ecs

import (
	"cmp"
	"regexp"
	"strings"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// CapacityProvider is a capacity provider's record, by name. FARGATE and FARGATE_SPOT have none: every scope has them.
//
// A machine belongs to a provider when its container instance has the attribute [CapacityProviderAttribute] with the
// provider's name: there are no Auto Scaling groups whose members could be looked up.
type CapacityProvider struct {
	Name             string                           `json:"name"`
	AutoScalingGroup *api.AutoScalingGroupProvider    `json:"autoScalingGroup"` // nil for FARGATE and FARGATE_SPOT
	Status           api.CapacityProviderStatus       `json:"status"`           // ACTIVE, or INACTIVE once deleted
	UpdateStatus     api.CapacityProviderUpdateStatus `json:"updateStatus,omitzero"`
	UpdateReason     string                           `json:"updateReason,omitzero"`
	Tags             []api.Tag                        `json:"tags,omitzero"`
	CreatedAt        time.Time                        `json:"createdAt"`
	DeletedAt        time.Time                        `json:"deletedAt,omitzero"`
}

// CapacityProviderAttribute names the capacity provider that a container instance belongs to. It is set at registration
// or by PutAttributes.
const CapacityProviderAttribute = "berth.capacity-provider"

// The capacity providers that every scope has.
const (
	fargateProvider     = "FARGATE"
	fargateSpotProvider = "FARGATE_SPOT"
)

// Fargate tells whether tasks of the provider run on the Fargate pool; else on the container instances that belong to it.
func (p *CapacityProvider) Fargate() bool { return p.AutoScalingGroup == nil }

// builtIn are the providers that have no record.
var builtIn = []*CapacityProvider{
	{Name: fargateProvider, Status: api.CapacityProviderStatusActive},
	{Name: fargateSpotProvider, Status: api.CapacityProviderStatusActive},
}

// CapacityProviderARN returns the ARN of a capacity provider.
func CapacityProviderARN(scope store.Scope, name string) string {
	return arn(scope, "capacity-provider/"+name)
}

var providerName = regexp.MustCompile(`^[a-zA-Z0-9\-_]{1,255}$`)

// validateProviderName checks the name of a provider that is to be made.
func validateProviderName(name string) error {
	reserved := false
	for _, prefix := range []string{"aws", "ecs", "fargate"} {
		reserved = reserved || strings.HasPrefix(strings.ToLower(name), prefix)
	}
	if reserved || !providerName.MatchString(name) {
		return invalidParameter(`The specified capacity provider name is invalid. Up to 255 characters are allowed, including letters (upper and lowercase), numbers, underscores, and hyphens. The name cannot be prefixed with "aws", "ecs", or "fargate". Specify a valid name and try again.`)
	}
	return nil
}

// providerFrom reads a provider's name or ARN.
func providerFrom(scope store.Scope, s string) (string, error) {
	kind, path, isARN, err := resource(scope, s)
	if err != nil {
		return "", err
	}
	if !isARN {
		kind, path = "capacity-provider", s
	}
	if kind != "capacity-provider" {
		return "", invalidParameter("Unsupported resource type: %s", kind)
	}
	if !providerName.MatchString(path) {
		return "", noProvider()
	}
	return path, nil
}

// textNoProvider is told by InvalidParameterException where a cluster or a strategy names the provider, and by ClientException
// where it is to be changed or deleted: Terraform takes the latter for a provider that is gone.
const textNoProvider = "The specified capacity provider does not exist. Specify a valid name or ARN and try again."

func noProvider() error { return invalidParameter(textNoProvider) }

// capacityProvider is the active capacity provider of a name, built in ones included. tx may be nil: then it is as this
// process sees it.
func (s *Service) capacityProvider(tx *store.Tx, scope store.Scope, name string) (*CapacityProvider, bool) {
	for _, p := range builtIn {
		if p.Name == name {
			return p, true
		}
	}
	if !providerName.MatchString(name) {
		return nil, false
	}
	var p *CapacityProvider
	var ok bool
	if tx != nil {
		p, ok = s.CapacityProviders.GetTx(tx, scope, name)
	} else {
		var row store.Row[CapacityProvider]
		row, ok = s.CapacityProviders.Get(scope, name)
		p = row.Value
	}
	return p, ok && p.Status == api.CapacityProviderStatusActive
}

// describeProvider is a capacity provider as the API shows it.
func describeProvider(scope store.Scope, p *CapacityProvider, tags bool) api.CapacityProvider {
	out := api.CapacityProvider{
		CapacityProviderArn:      CapacityProviderARN(scope, p.Name),
		Name:                     p.Name,
		Status:                   p.Status,
		AutoScalingGroupProvider: p.AutoScalingGroup,
		UpdateStatus:             p.UpdateStatus,
		UpdateStatusReason:       p.UpdateReason,
		Type:                     api.CapacityProviderTypeEc2Autoscaling,
		Tags:                     []api.Tag{},
	}
	if p.Fargate() {
		out.Type = api.CapacityProviderType(p.Name)
	}
	if tags {
		out.Tags = present(p.Tags)
	}
	return out
}

var groupARN = regexp.MustCompile(`^arn:[a-z-]+:autoscaling:[^:]+:[^:]+:autoScalingGroup:[^:]+:autoScalingGroupName/.+$`)

// newGroup is what a request says of an Auto Scaling group, with what it leaves out. A group is named by its ARN or its name.
func newGroup(asked *api.AutoScalingGroupProvider) (*api.AutoScalingGroupProvider, error) {
	g := *asked
	if name := g.AutoScalingGroupArn; strings.HasPrefix(name, "arn:") && !groupARN.MatchString(name) || len(name) > 1024 {
		return nil, clientException("The specified Auto Scaling group ARN is invalid. Specify a valid Auto Scaling group ARN and try again.")
	}
	g.ManagedScaling = &api.ManagedScaling{Status: api.ManagedScalingStatusDisabled, TargetCapacity: new(int32(100)),
		MinimumScalingStepSize: new(int32(1)), MaximumScalingStepSize: new(int32(10000)), InstanceWarmupPeriod: new(int32(300))}
	g.ManagedTerminationProtection = api.ManagedTerminationProtectionDisabled
	g.ManagedDraining = cmp.Or(asked.ManagedDraining, api.ManagedDrainingEnabled)
	return changedGroup(&g, &api.AutoScalingGroupProviderUpdate{ManagedScaling: asked.ManagedScaling})
}

// changedGroup is g with what an update says. Whatever would need an Auto Scaling group to act on is refused before.
func changedGroup(g *api.AutoScalingGroupProvider, update *api.AutoScalingGroupProviderUpdate) (*api.AutoScalingGroupProvider, error) {
	out := *g
	out.ManagedDraining = cmp.Or(update.ManagedDraining, g.ManagedDraining)
	if u := update.ManagedScaling; u != nil {
		was := g.ManagedScaling
		out.ManagedScaling = &api.ManagedScaling{Status: was.Status,
			TargetCapacity:         cmp.Or(u.TargetCapacity, was.TargetCapacity),
			MinimumScalingStepSize: cmp.Or(u.MinimumScalingStepSize, was.MinimumScalingStepSize),
			MaximumScalingStepSize: cmp.Or(u.MaximumScalingStepSize, was.MaximumScalingStepSize),
			InstanceWarmupPeriod:   cmp.Or(u.InstanceWarmupPeriod, was.InstanceWarmupPeriod)}
		if *out.ManagedScaling.MinimumScalingStepSize > *out.ManagedScaling.MaximumScalingStepSize {
			return nil, clientException("The minimum scaling step size cannot be greater than the maximum scaling step size.")
		}
	}
	return &out, nil
}
