package ecs

import (
	"slices"
	"strings"
	"testing"

	api "github.com/berth-dev/berth/api/ecs"
)

const plainDefinition = `{"family": "plain", "networkMode": "host", "containerDefinitions": [{"name": "c", "image": "i", "memory": 64}]}`

// instancesOf are the ids of the instances of the tasks of an answer, sorted.
func instancesOf(out *api.RunTaskResponse) (ids []string) {
	for _, t := range out.Tasks {
		ids = append(ids, t.ContainerInstanceArn[strings.LastIndexByte(t.ContainerInstanceArn, '/')+1:])
	}
	slices.Sort(ids)
	return ids
}

func TestRunTaskKeepsConstraintsAndStrategies(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(plainDefinition)
	a, b, c := w.instance(1024, 1000, "rack=1"), w.instance(1024, 1000, "rack=1"), w.instance(1024, 400, "rack=2")
	sorted := func(ids ...string) []string { slices.Sort(ids); return ids }
	run := func(count int32, group string, constraints []api.PlacementConstraint, strategy ...api.PlacementStrategy) *api.RunTaskResponse {
		t.Helper()
		return got(w.RunTask(w.ctx, &api.RunTaskRequest{TaskDefinition: "plain", Count: &count, Group: group, PlacementConstraints: constraints, PlacementStrategy: strategy}))(w)
	}

	out := run(4, "apart", []api.PlacementConstraint{{Type: "distinctInstance"}})
	if ids := instancesOf(out); !slices.Equal(ids, sorted(a.ID, b.ID, c.ID)) {
		t.Errorf("distinct instances: on %v", ids)
	}
	if len(out.Failures) != 3 || out.Failures[0].Reason != "DistinctInstance placement constraint unsatisfied." {
		t.Errorf("the fourth of three: %+v", out.Failures)
	}
	out = run(2, "", []api.PlacementConstraint{{Type: "memberOf", Expression: "attribute:rack == 2 and task:group == apart"}})
	if ids := instancesOf(out); !slices.Equal(ids, []string{c.ID, c.ID}) {
		t.Errorf("members: on %v", ids)
	}
	out = run(3, "even", nil, api.PlacementStrategy{Type: "spread", Field: "host"})
	if ids := instancesOf(out); !slices.Equal(ids, sorted(a.ID, b.ID, c.ID)) {
		t.Errorf("spread: on %v", ids)
	}
	out = run(2, "", nil, api.PlacementStrategy{Type: "binpack", Field: "MEMORY"})
	if ids := instancesOf(out); !slices.Equal(ids, []string{c.ID, c.ID}) {
		t.Errorf("binpack: on %v", ids)
	}

	// The definition's constraints count too; StartTask asks for none.
	w.define(strings.Replace(plainDefinition, `"networkMode"`, `"placementConstraints": [{"type": "memberOf", "expression": "attribute:rack == 9"}], "networkMode"`, 1))
	out = run(1, "", nil)
	if len(out.Tasks) != 0 || len(out.Failures) != 3 || out.Failures[0].Reason != "MemberOf placement constraint unsatisfied." || out.Failures[0].Detail != "attribute:rack == 9" {
		t.Errorf("where the definition lets it be: %+v", out)
	}
	if started := w.startTask("plain", a.ID); len(started.Tasks) != 1 {
		t.Errorf("StartTask: %+v", started)
	}
}

func TestListContainerInstancesByQuery(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(plainDefinition)
	a, b := w.instance(1024, 1000, "rack=1"), w.instance(1024, 1000, "rack=2")
	w.startTask("plain", a.ID)
	for filter, want := range map[string][]string{
		"attribute:rack == 1":                       {a.ID},
		"attribute:rack > 0 and agentVersion < 1.1": {a.ID, b.ID},
		"task:group == family:plain":                {a.ID},
		"not(task:group =~ family:.*)":              {b.ID},
		"runningTasksCount > 0":                     nil,
		"ec2InstanceId == " + a.EC2InstanceID:       {a.ID},
		"registeredAt < 2020-01-01":                 nil,
	} {
		out := got(w.ListContainerInstances(w.ctx, &api.ListContainerInstancesRequest{Filter: filter}))(w)
		var ids []string
		for _, arn := range out.ContainerInstanceArns {
			ids = append(ids, arn[strings.LastIndexByte(arn, '/')+1:])
		}
		slices.Sort(ids)
		slices.Sort(want)
		if !slices.Equal(ids, want) {
			t.Errorf("%s: %v, want %v", filter, ids, want)
		}
	}
}
