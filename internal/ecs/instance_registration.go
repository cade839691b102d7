package ecs

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs/placement"
	"github.com/berth-dev/berth/internal/store"
)

// RegisterContainerInstance registers an identity of a machine, or registers it again: the agent calls it at every start,
// with the ARN it got the first time. An ARN that is not known (any more) is registered under its id all the same, for
// Amazon's agent goes on using it whatever the answer says.
func (s *Service) RegisterContainerInstance(ctx context.Context, r *api.RegisterContainerInstanceRequest) (*api.RegisterContainerInstanceResponse, error) {
	caller, err := AgentsOnly(ctx)
	if err != nil {
		return nil, err
	}
	scope := scopeOf(ctx)
	fresh, err := s.newInstance(scope, r, caller.Machine)
	if err != nil {
		return nil, err
	}
	if err := mayChange(ctx, fresh); err != nil {
		return nil, err
	}
	var instance *Instance
	defer s.placer.look(scope, fresh.ID)
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if c, ok := s.Clusters.GetTx(tx, scope, fresh.Cluster); fresh.shown() && (!ok || c.Status != clusterActive) {
			return clusterNotFound()
		}
		i := *fresh
		if old, ok := s.Instances.GetTx(tx, scope, i.ID); ok {
			if err := mayChange(ctx, old); err != nil {
				return err
			}
			if err := i.succeeds(old); err != nil {
				return err
			}
			if err := i.succeed(old); err != nil {
				return err
			}
		}
		instance = &i
		return s.Instances.Put(tx, scope, i.ID, instance)
	})
	if err != nil {
		return nil, err
	}
	return &api.RegisterContainerInstanceResponse{ContainerInstance: new(s.describeInstance(scope, instance, api.ContainerInstanceFieldTags))}, nil
}

// newInstance is the record that a request asks for, of the machine unless it names another.
func (s *Service) newInstance(scope store.Scope, r *api.RegisterContainerInstanceRequest, machine string) (*Instance, error) {
	i := &Instance{ID: newID(), Machine: machine, Status: instanceActive, RegisteredAt: time.Now().UTC(), Version: 1,
		Resources: r.TotalResources, Tags: r.Tags}
	for _, a := range r.Attributes { // whose target is the instance, whatever else they may name
		i.Attributes = append(i.Attributes, api.Attribute{Name: a.Name, Value: a.Value})
	}
	if v := r.VersionInfo; v != nil {
		i.Agent = Agent{Version: v.AgentVersion, Hash: v.AgentHash, Docker: v.DockerVersion}
	}
	if err := validateTags(r.Tags); err != nil {
		return nil, err
	}
	if err := validateRegistration(r); err != nil {
		return nil, err
	}
	if err := i.readAttributes(); err != nil {
		return nil, err
	}
	var err error
	if i.Cluster, err = clusterFrom(scope, r.Cluster); err != nil {
		return nil, err
	}
	if r.ContainerInstanceArn != "" {
		if i.ID, err = instanceFrom(scope, i.Cluster, r.ContainerInstanceArn); err != nil {
			return nil, err
		}
		if !idForm.MatchString(i.ID) {
			return nil, invalidParameter("Invalid identifier: %s", r.ContainerInstanceArn)
		}
	}
	if i.Machine == "" {
		i.Machine = i.ID
	}
	i.readIdentity(scope, r.InstanceIdentityDocument)
	i.addDevices(r.PlatformDevices)
	return i, i.readResources()
}

// readAttributes takes what Berth's own agents tell by attributes.
func (i *Instance) readAttributes() (err error) {
	for _, a := range i.Attributes {
		switch a.Name {
		case PoolAttribute:
			if i.Pool = a.Value; i.Pool != FargatePool {
				return invalidParameter("Unknown pool: %s. The pool is %s.", a.Value, FargatePool)
			}
		case MachineAttribute:
			i.Machine = a.Value
		case ProtocolAttribute:
			if i.Protocol, err = strconv.Atoi(a.Value); err != nil {
				return invalidParameter("Invalid value of attribute %s: %s", a.Name, a.Value)
			}
		}
	}
	return nil
}

// readIdentity takes id and availability zone from an EC2 identity document, and makes them up for a machine that has none.
func (i *Instance) readIdentity(scope store.Scope, document string) {
	var identity struct {
		InstanceID string `json:"instanceId"`
		Zone       string `json:"availabilityZone"`
	}
	_ = json.Unmarshal([]byte(document), &identity) // machines outside EC2 send none
	if i.EC2InstanceID = identity.InstanceID; i.EC2InstanceID == "" || len(i.EC2InstanceID) > maxResourceItem {
		i.EC2InstanceID = "i-" + i.ID[:17]
		if i.launchType() == api.LaunchTypeExternal {
			i.EC2InstanceID = "mi-" + i.ID[:17]
		}
	}
	if i.Zone = identity.Zone; i.Zone == "" || len(i.Zone) > maxResourceItem {
		i.Zone, _ = i.attribute(zoneAttribute)
	}
	if i.Located = i.Zone != ""; !i.Located {
		i.Zone = scope.Region + "a"
	}
	if zone, _ := i.attribute(zoneAttribute); zone == "" {
		i.Attributes = slices.DeleteFunc(slices.Clone(i.Attributes), func(a api.Attribute) bool { return a.Name == zoneAttribute })
		i.Attributes = append(slices.Clip(i.Attributes), api.Attribute{Name: zoneAttribute, Value: i.Zone})
	}
}

const (
	zoneAttribute         = "ecs.availability-zone"
	architectureAttribute = "ecs.cpu-architecture"
)

// readResources takes what the machine has from its list of resources. Network interfaces are limited by its type on EC2,
// unless it says how many it has; Berth's own agent makes as many as tasks need.
func (i *Instance) readResources() error {
	instanceType, _ := i.attribute("ecs.instance-type")
	if n, ok := taskInterfaces(instanceType); ok && i.Protocol == 0 {
		i.Capacity.ENIs = n
	}
	for _, r := range i.Resources {
		switch r.Name {
		case "CPU":
			i.Capacity.CPU = int64(r.IntegerValue)
		case "MEMORY":
			i.Capacity.Memory = int64(r.IntegerValue)
		case gpuResource:
			i.GPUs = distinct(r.StringSetValue)
		case "ENI":
			if i.Capacity.ENIs = int64(r.IntegerValue); i.Capacity.ENIs == 0 {
				return invalidParameter("Invalid amount of resource ENI: 0. A machine whose tasks have no network interfaces leaves the attribute ecs.capability.task-eni out.")
			}
		case "PORTS", "PORTS_UDP":
			protocol := "tcp"
			if r.Name == "PORTS_UDP" {
				protocol = "udp"
			}
			for _, text := range r.StringSetValue {
				n, err := strconv.Atoi(text)
				if err != nil || n < 0 || n > 65535 {
					return invalidParameter("Invalid port in resource %s: %s", r.Name, text)
				}
				i.Reserved = append(i.Reserved, placement.Port{Protocol: protocol, Number: n})
			}
		}
	}
	return nil
}

// succeed carries over what a new registration keeps of the record before it. Together they may be more than an instance can have.
func (i *Instance) succeed(old *Instance) error {
	i.RegisteredAt, i.Version = old.RegisteredAt, old.Version+1
	i.Session, i.DisconnectedAt, i.Health = old.Session, old.DisconnectedAt, old.Health
	if i.Agent == (Agent{}) {
		i.Agent = old.Agent
	}
	if old.Status == instanceDraining {
		i.Status, i.StatusReason = old.Status, old.StatusReason
	}
	if len(i.Tags) == 0 {
		i.Tags = old.Tags
	}
	// Attributes that somebody gave the instance stay; an agent sends those of its configuration only the first time.
	for _, a := range old.Attributes {
		sent := slices.ContainsFunc(i.Attributes, func(b api.Attribute) bool { return a.Name == b.Name })
		if !builtInAttribute(a.Name) && !sent {
			i.Attributes = append(slices.Clip(i.Attributes), a)
		}
	}
	return validateCustom(i.Attributes)
}
