package ecs

import (
	"slices"

	api "github.com/berth-dev/berth/api/ecs"
)

// What a machine may say of itself. An instance's record is read at every placement and sent with every listing: it is
// refused before it grows beyond what any machine needs.
const (
	maxRegisteredAttributes = 500 // the agent's own; an agent that can do everything sends about 100
	maxRegisteredResources  = 50
	maxResourceItems        = 100 // reserved ports: ECS's own limit; GPUs
	maxResourceItem         = 128 // characters
	maxVersionText          = 256
	maxIdentityDocument     = 16 << 10
)

// validateRegistration checks the parts of a request that nothing else bounds.
func validateRegistration(r *api.RegisterContainerInstanceRequest) error {
	if v := r.VersionInfo; v != nil && max(len(v.AgentVersion), len(v.AgentHash), len(v.DockerVersion)) > maxVersionText {
		return invalidParameter("versionInfo: a version has at most %d characters.", maxVersionText)
	}
	if len(r.InstanceIdentityDocument) > maxIdentityDocument {
		return invalidParameter("instanceIdentityDocument has %d bytes of at most %d.", len(r.InstanceIdentityDocument), maxIdentityDocument)
	}
	if err := validateRegisteredAttributes(r.Attributes); err != nil {
		return err
	}
	return validateResources(r.TotalResources)
}

func validateRegisteredAttributes(attributes []api.Attribute) error {
	for _, a := range attributes {
		if !builtInAttribute(a.Name) {
			if err := validateAttribute(a); err != nil {
				return err
			}
			continue
		}
		if len(a.Name) > 128 || len(a.Value) > 128 {
			return invalidParameter("Invalid attribute: %.32s... A name and a value have at most 128 characters.", a.Name)
		}
	}
	if len(attributes) > maxRegisteredAttributes {
		return invalidParameter("A container instance can register at most %d attributes.", maxRegisteredAttributes)
	}
	return validateCustom(attributes)
}

// validateCustom checks how many of an instance's attributes are custom ones.
func validateCustom(attributes []api.Attribute) error {
	if customAttributes(attributes) > maxAttributes {
		return invalidParameter("A container instance can have at most %d custom attributes.", maxAttributes)
	}
	return nil
}

func validateResources(resources []api.Resource) error {
	if len(resources) > maxRegisteredResources {
		return invalidParameter("totalResources can have at most %d items.", maxRegisteredResources)
	}
	for n, r := range resources {
		twice := slices.ContainsFunc(resources[:n], func(o api.Resource) bool { return o.Name == r.Name })
		switch {
		case r.Name == "" || len(r.Name) > maxResourceItem:
			return invalidParameter("totalResources: a resource has a name of at most %d characters.", maxResourceItem)
		case twice:
			return invalidParameter("totalResources names %s twice.", r.Name)
		case r.IntegerValue < 0:
			return invalidParameter("Invalid amount of resource %s: %d", r.Name, r.IntegerValue)
		case len(r.StringSetValue) > maxResourceItems:
			return invalidParameter("Resource %s has %d items of at most %d.", r.Name, len(r.StringSetValue), maxResourceItems)
		case slices.ContainsFunc(r.StringSetValue, func(item string) bool { return len(item) > maxResourceItem }):
			return invalidParameter("Resource %s: an item has at most %d characters.", r.Name, maxResourceItem)
		}
	}
	return nil
}

// succeeds tells whether a registration may take the place of the record before it: an instance stays its machine's, whose agent
// could not register it again if it became another's, and in its cluster, and a machine of the Fargate pool is no container instance.
func (i *Instance) succeeds(old *Instance) error {
	switch {
	case old.Machine != i.Machine:
		return clientException("The container instance %s is another machine's.", i.ID)
	case old.Status == instanceInactive:
		return nil
	case old.Cluster != i.Cluster:
		return clientException("The container instance %s is registered in the cluster %s, and cannot move to %s: deregister it first.", i.ID, old.Cluster, i.Cluster)
	case old.Pool != i.Pool:
		return clientException("Container instance type changes are not supported.")
	}
	return nil
}
