package ecs

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// onInstances is an order of tasks of the family host, or another, on container instances.
func onInstances(family string, count int) Order {
	return Order{Cluster: "default", Service: "web", Revision: "7", Rollout: "ecs-svc/1", Count: count, TaskDefinition: Revision{family, 1}, LaunchType: api.LaunchTypeEc2}
}

const jobDefinition = `{"family": "job", "networkMode": "none", "containerDefinitions": [{"name": "c", "image": "i", "memory": 100}]}`

func TestAnOrderStartsTasksOfAService(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(jobDefinition)
	i := w.instance(1024, 1000)
	o := onInstances("job", 3)
	o.ManagedTags, o.Tags = true, []api.Tag{{Key: "team", Value: "a"}}
	out := got(w.LaunchFor(w.ctx, here, o, nil))(w)
	if len(out.Tasks) != 3 || len(out.Failures) > 0 {
		t.Fatalf("%+v", out)
	}
	task := w.task(out.Tasks[0])
	if task.Service != "web" || task.Revision != "7" || task.Group != "service:web" || task.StartedBy != "ecs-svc/1" || task.Instance != i.ID || task.LaunchType != api.LaunchTypeEc2 {
		t.Errorf("%+v", task)
	}
	want := []api.Tag{{Key: "team", Value: "a"}, {Key: "aws:ecs:clusterName", Value: "default"}, {Key: "aws:ecs:serviceName", Value: "web"}}
	if !slices.Equal(task.Tags, want) {
		t.Errorf("tags %v, want %v", task.Tags, want)
	}
	live := func() (n int) {
		for range w.Tasks.Find(here, TasksByService, "default/web") {
			n++
		}
		return n
	}
	if n := live(); n != 3 {
		t.Errorf("%d tasks of the service", n)
	}
	w.report(task, TaskReport{Status: Stopped})
	if n := live(); n != 2 {
		t.Errorf("%d tasks of the service after one has stopped", n)
	}
}

func TestAnOrderTellsWhatFoundNoRoom(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(jobDefinition)
	w.instance(1024, 250)
	out := got(w.LaunchFor(w.ctx, here, onInstances("job", 3), nil))(w)
	if len(out.Tasks) != 2 || len(out.Failures) != 1 || out.Failures[0].Reason != "RESOURCE:MEMORY" {
		t.Errorf("%+v", out)
	}
	for range 2 * keepUnplaced {
		got(w.LaunchFor(w.ctx, here, onInstances("job", 1), nil))(w)
	}
	if u, ok := w.LastUnplaced(here, "default", "service:web"); !ok || u.Service != "web" || len(w.unplaced.last) != 1 {
		t.Errorf("%d launches that found no room are remembered, the last one %+v", len(w.unplaced.last), u)
	}
	out = got(w.LaunchFor(w.ctx, here, onInstances("job", 1), func(*store.Tx, []string) error { return errors.New("there is nothing to commit") }))(w)
	if len(out.Tasks) != 0 || len(out.Failures) != 1 {
		t.Errorf("%+v", out)
	}
}

// What runs with the order is in its transaction, and what it refuses is not started.
func TestAnOrderIsCommittedWithWhatTheCallerWrites(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(jobDefinition)
	i := w.instance(1024, 200)
	refused := errors.New("the service has changed")
	if _, err := w.LaunchFor(w.ctx, here, onInstances("job", 2), func(*store.Tx, []string) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("%v", err)
	}
	if n := w.usedMemory(i.Machine); n != 0 {
		t.Errorf("%d MiB are held for what was refused", n)
	}
	out := got(w.LaunchFor(w.ctx, here, onInstances("job", 2), func(tx *store.Tx, _ []string) error {
		return w.Clusters.Put(tx, here, "mark", &Cluster{Name: "mark", Status: clusterActive})
	}))(w)
	if _, ok := w.Clusters.Get(here, "mark"); len(out.Tasks) != 2 || !ok {
		t.Errorf("%d tasks, and what goes with them is there: %t", len(out.Tasks), ok)
	}
}

func TestALargeOrderIsDoneInParts(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(webDefinition)
	w.fargate(0, 512*120)
	o := Order{Cluster: "default", Service: "web", Count: 5000, TaskDefinition: Revision{"web", 1}, LaunchType: api.LaunchTypeFargate,
		Network: web(1).NetworkConfiguration.AwsvpcConfiguration}
	var counts []int
	for range 3 {
		counts = append(counts, len(got(w.LaunchFor(w.ctx, here, o, nil))(w).Tasks))
	}
	if !slices.Equal(counts, []int{50, 50, 20}) {
		t.Errorf("%v", counts)
	}
}

func TestAServiceGoesOnWithADeregisteredDefinition(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(jobDefinition)
	w.instance(1024, 1000)
	got(w.DeregisterTaskDefinition(w.ctx, &api.DeregisterTaskDefinitionRequest{TaskDefinition: "job:1"}))(w)
	if out := got(w.LaunchFor(w.ctx, here, onInstances("job", 1), nil))(w); len(out.Tasks) != 1 {
		t.Errorf("%+v", out)
	}
	if _, err := w.LaunchFor(w.ctx, here, onInstances("none", 1), nil); code(err) != api.ClientException {
		t.Errorf("of a definition that is not there: %v", err)
	}
}

func TestAnOrderGoesToTheInstancesThatItNames(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(`{"family": "job", "networkMode": "none", "placementConstraints": [{"type": "memberOf", "expression": "attribute:kind == a"}],
		"containerDefinitions": [{"name": "c", "image": "i", "memory": 100}]}`)
	a, full, other := w.instance(1024, 1000, "kind=a"), w.instance(1024, 50, "kind=a"), w.instance(1024, 1000, "kind=b")
	o := onInstances("job", 0)
	if ids := got(w.Eligible(here, o))(w); !slices.Equal(ids, slices.Sorted(slices.Values([]string{a.ID, full.ID}))) {
		t.Errorf("eligible %v of %s, %s, %s", ids, a.ID, full.ID, other.ID)
	}
	o.Instances = []string{a.ID, full.ID, other.ID}
	out := got(w.LaunchFor(w.ctx, here, o, nil))(w)
	if len(out.Tasks) != 1 || w.task(out.Tasks[0]).Instance != a.ID || len(out.Failures) != 2 {
		t.Errorf("%+v", out)
	}
}

// Zones come to have equally many tasks, as far as there is room.
func TestAnOrderBalancesZones(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(jobDefinition)
	for zone, memory := range map[string]int32{"a": 1000, "b": 1000, "c": 100} {
		w.instance(1024, memory, "ecs.availability-zone="+zone)
	}
	o := onInstances("job", 9)
	o.Zones = map[string]int{"a": 2}
	in := map[string]int{}
	for _, id := range got(w.LaunchFor(w.ctx, here, o, nil))(w).Tasks {
		in[w.task(id).Zone]++
	}
	if !maps.Equal(in, map[string]int{"a": 3, "b": 5, "c": 1}) { // c has room for one
		t.Errorf("%v", in)
	}
	if got := parts([]string{"a", "b", "c"}, map[string]int{"a": 2}, 7); !maps.Equal(got, map[string]int{"a": 1, "b": 3, "c": 3}) {
		t.Errorf("%v", got)
	}
}

func TestAnOrderThatCannotRunIsToldWhy(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(webDefinition)
	o := onInstances("web", 1)
	o.LaunchType = api.LaunchTypeFargate
	if err := w.CheckOrder(here, o); err == nil || !strings.Contains(err.Error(), "Network Configuration must be provided") {
		t.Errorf("%v", err)
	}
	o.Network = web(1).NetworkConfiguration.AwsvpcConfiguration
	w.ok(w.CheckOrder(here, o))
}
