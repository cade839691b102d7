package ecs

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs/placement"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// launch is one RunTask or StartTask on its way.
type launch struct {
	template Task                     // all that the tasks have in common
	network  *api.AwsVpcConfiguration // nil without network interfaces
	first    Status                   // of the tasks
	request  placement.Request        // what each of them asks of its machine
	gpus     []int64                  // of it, for each container
	shares   []*share

	also   func(tx *store.Tx, tasks []string) error // runs in the transaction that commits; nil: nothing
	placed bool                                     // the shares have their placements
	ran    ran                                      // what came of it
}

// share is a part of a launch's tasks: all of them, those of a capacity provider, or the one for a container instance that
// was named.
type share struct {
	pool     pool
	provider string // capacity provider; empty: run by launch type
	instance string // id of the only instance that may be chosen; empty: any of the pool
	count    int
	// zones are how many tasks each availability zone has: the share's go where there are fewest. Nil: anywhere.
	zones map[string]int

	chosen     []placement.Placed
	refusals   []placement.Verdict // of the first task that found no room
	candidates bool                // there are instances that take tasks
}

// launchOf checks a request and works out what its tasks are: everything but where they may go. Those of StartTask ask
// in RunTask's words.
func (s *Service) launchOf(scope store.Scope, r *api.RunTaskRequest) (*launch, error) {
	cluster, err := s.activeCluster(scope, r.Cluster)
	if err != nil {
		return nil, err
	}
	definition, err := s.findDefinition(scope, r.TaskDefinition)
	if err != nil {
		return nil, err
	}
	if err := mayRun(definition, definition != nil); err != nil {
		return nil, err
	}
	return s.launchOfDefinition(scope, cluster, definition, r)
}

// launchOfDefinition is launchOf for a definition that may be run.
func (s *Service) launchOfDefinition(scope store.Scope, cluster string, definition *TaskDefinition, r *api.RunTaskRequest) (_ *launch, err error) {
	d := &definition.Definition
	l := &launch{first: Pending, template: Task{Cluster: cluster, Definition: definition.Revision(), NetworkMode: d.NetworkMode,
		LaunchType: r.LaunchType, Group: r.Group, StartedBy: r.StartedBy, ReferenceID: r.ReferenceId, Executable: r.EnableExecuteCommand, CreatedAt: time.Now().UTC(), Version: 1}}
	for _, step := range []func(*api.RunTaskRequest, *api.TaskDefinition) error{
		l.setNames, l.setPlatform, l.setNetwork, l.setOverrides, l.setSize, l.setStorage,
	} {
		if err := step(r, d); err != nil {
			return nil, err
		}
	}
	if l.template.Tags, err = launchTags(cluster, r, definition); err != nil {
		return nil, err
	}
	l.template.TaskRole = or(roleARN(scope, l.template.Overrides.TaskRoleArn), d.TaskRoleArn)
	l.template.ExecutionRole = or(roleARN(scope, l.template.Overrides.ExecutionRoleArn), d.ExecutionRoleArn)
	l.request = placement.Request{Demand: s.demand(&l.template, d), Attributes: l.requirements(d), Group: l.template.placementGroup()}
	if l.network != nil {
		l.request.Zones = s.network.Zones(scope, l.network.Subnets)
	}
	if err := l.setGPUs(r, d); err != nil {
		return nil, err
	}
	return l, l.setRules(r, d)
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (l *launch) setNames(r *api.RunTaskRequest, d *api.TaskDefinition) error {
	switch {
	case utf8.RuneCountInString(r.StartedBy) > 128:
		return invalidParameter("startedBy longer than 128.")
	case strings.HasPrefix(r.Group, "family:") || strings.HasPrefix(r.Group, "service:"):
		return invalidParameter("Invalid namespace for group.")
	case utf8.RuneCountInString(r.Group) > 255:
		return invalidParameter("group longer than 255.")
	case utf8.RuneCountInString(r.ReferenceId) > 1024:
		return invalidParameter("referenceId longer than 1024.")
	case l.template.Group == "":
		l.template.Group = "family:" + d.Family
	}
	return nil
}

func (l *launch) setPlatform(r *api.RunTaskRequest, d *api.TaskDefinition) error {
	t := &l.template
	if !slices.Contains(d.Compatibilities, api.Compatibility(t.LaunchType)) {
		return invalidParameter("Task definition does not support launch_type %s.", t.LaunchType)
	}
	if t.LaunchType != api.LaunchTypeFargate {
		if r.PlatformVersion != "" {
			return invalidParameter("The platform version must be null when specifying an %s launch type.", t.LaunchType)
		}
		return nil
	}
	t.PlatformFamily = "Linux"
	switch r.PlatformVersion {
	case "", "LATEST", LatestPlatform:
		t.PlatformVersion = LatestPlatform
	case "1.3.0":
		t.PlatformVersion = "1.3.0"
	default:
		return wire.Errorf(api.PlatformUnknownException, "The specified platform does not exist.")
	}
	return nil
}

func (l *launch) setNetwork(r *api.RunTaskRequest, d *api.TaskDefinition) error {
	var v *api.AwsVpcConfiguration
	if r.NetworkConfiguration != nil {
		v = r.NetworkConfiguration.AwsvpcConfiguration
	}
	if d.NetworkMode != api.NetworkModeAwsvpc {
		if v != nil {
			return invalidParameter("Network Configuration is not valid for the given networkMode of this task definition.")
		}
		return nil
	}
	switch {
	case v == nil:
		return invalidParameter("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
	case len(v.Subnets) == 0:
		return invalidParameter("subnets can not be empty.")
	case len(v.Subnets) > 16:
		return invalidParameter("subnets can have at most 16 items.")
	case len(v.SecurityGroups) > 5:
		return invalidParameter("securityGroups can have at most 5 items.")
	case v.AssignPublicIp == api.AssignPublicIpEnabled && l.template.LaunchType != api.LaunchTypeFargate:
		return invalidParameter("Assign public IP is not supported for this launch type.")
	}
	l.network, l.first = v, Provisioning
	return nil
}

// requirements are the attributes that an instance must carry to run the definition.
func (l *launch) requirements(d *api.TaskDefinition) (out []placement.Attribute) {
	if p := d.RuntimePlatform; p != nil && p.CpuArchitecture != "" {
		out = append(out, placement.Attribute{Name: architectureAttribute, Value: strings.ToLower(string(p.CpuArchitecture))})
	}
	if l.template.LaunchType == api.LaunchTypeFargate {
		return out
	}
	for _, a := range d.RequiresAttributes {
		out = append(out, placement.Attribute{Name: a.Name, Value: a.Value})
	}
	if l.template.Executable {
		out = append(out, placement.Attribute{Name: executeAttribute})
	}
	return out
}

// launchTags are the tags of the tasks: those of the request, of the definition when they are propagated, and ECS's own.
func launchTags(cluster string, r *api.RunTaskRequest, d *TaskDefinition) ([]api.Tag, error) {
	if err := validateTags(r.Tags); err != nil {
		return nil, err
	}
	tags := slices.Clone(r.Tags)
	switch r.PropagateTags {
	case api.PropagateTagsService:
		return nil, invalidParameter("propagateTags SERVICE is not valid: the task belongs to no service.")
	case api.PropagateTagsTaskDefinition:
		var err error
		if tags, err = merged(d.Tags, r.Tags); err != nil {
			return nil, invalidParameter("A task has at most %d tags, those of its definition included.", maxTags)
		}
	}
	if r.EnableECSManagedTags {
		tags = append(tags, api.Tag{Key: "aws:ecs:clusterName", Value: cluster})
	}
	return tags, nil
}

// roleARN is the ARN of a role that may have been named by its name alone.
func roleARN(scope store.Scope, role string) string {
	if role == "" || strings.HasPrefix(role, "arn:") {
		return role
	}
	return "arn:" + partition(scope.Region) + ":iam::" + scope.Account + ":role/" + role
}

// task is one of the launch's tasks, of a share, where it was placed.
func (l *launch) task(sh *share, c placement.Placed) *Task {
	t := l.template.clone()
	t.move(l.first, ByPlacer)
	t.LaunchType, t.CapacityProvider = sh.pool.launchType, sh.provider
	t.ID, t.Instance, t.Machine, t.Demand = c.Task, c.Instance.ID, c.Instance.Machine, l.request.Demand
	t.Zone = c.Instance.Attribute(zoneAttribute)
	if t.Architecture = c.Instance.Attribute(architectureAttribute); t.Architecture == "" {
		t.Architecture = "x86_64"
	}
	for i := range t.Containers {
		t.Containers[i].ID = newUUID()
	}
	l.giveGPUs(t, c.GPUs)
	return t
}
