package ecs

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// web1 is a cluster's only service: web, on FARGATE_SPOT, of the definition job:1.
type web1 struct {
	mu     sync.Mutex
	status string
	tags   []api.Tag
}

func (s *web1) setStatus(status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

func (s *web1) is(status string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status == status
}

func (s *web1) Counts(store.Scope, string) ServiceCounts {
	counts := ServiceCounts{Active: map[api.LaunchType]int{}, Draining: map[api.LaunchType]int{}}
	switch {
	case s.is("ACTIVE"):
		counts.Active[api.LaunchTypeFargate] = 1
	case s.is("DRAINING"):
		counts.Draining[api.LaunchTypeFargate] = 1
	}
	return counts
}

func (s *web1) Known(_ store.Scope, cluster, name string) bool {
	return cluster+"/"+name == "default/web"
}
func (s *web1) Uses(_ store.Scope, _, provider string) bool {
	return !s.is("INACTIVE") && provider == "FARGATE_SPOT"
}
func (s *web1) Refer(_ store.Scope, r Revision) bool {
	return !s.is("INACTIVE") && r == Revision{"job", 1}
}
func (s *web1) Tagged(_ store.Scope, kind, path string) *Tagged {
	if kind+"/"+path != "service/default/web" {
		return nil
	}
	return &Tagged{Tags: s.tags, Change: func(_ *store.Tx, to func([]api.Tag) ([]api.Tag, error)) (err error) {
		s.tags, err = to(s.tags)
		return err
	}}
}

func TestAClusterWithServicesStays(t *testing.T) {
	services := &web1{status: "ACTIVE"}
	w := newWorld(t, Config{Services: services})
	w.cluster("default")
	put := func(providers ...string) error {
		_, err := w.PutClusterCapacityProviders(w.ctx, &api.PutClusterCapacityProvidersRequest{Cluster: "default", CapacityProviders: providers,
			DefaultCapacityProviderStrategy: []api.CapacityProviderStrategyItem{}})
		return err
	}
	w.ok(put("FARGATE", "FARGATE_SPOT"))
	for _, status := range []string{"ACTIVE", "DRAINING", "INACTIVE"} {
		services.setStatus(status)
		c := got(w.DescribeClusters(w.ctx, &api.DescribeClustersRequest{Include: []api.ClusterField{api.ClusterFieldStatistics}}))(w).Clusters[0]
		counts := map[string]string{}
		for _, p := range c.Statistics {
			counts[p.Name] = p.Value
		}
		n := map[string]string{"ACTIVE": "1 1 0", "DRAINING": "0 0 1", "INACTIVE": "0 0 0"}[status]
		if is := strings.Join([]string{string('0' + rune(c.ActiveServicesCount)), counts["activeFargateServiceCount"], counts["drainingFargateServiceCount"]}, " "); is != n {
			t.Errorf("%s: %s, want %s", status, is, n)
		}
		err := put("FARGATE")
		if want := status != "INACTIVE"; (code(err) == api.ResourceInUseException) != want {
			t.Errorf("taking its provider from a service that is %s: %v", status, err)
		}
		_, err = w.DeleteCluster(w.ctx, &api.DeleteClusterRequest{Cluster: "default"})
		if want := status != "INACTIVE"; (code(err) == api.ClusterContainsServicesException) != want || !want && err != nil {
			t.Errorf("deleting a cluster whose service is %s: %v", status, err)
		}
	}
}

func TestServicesHaveTags(t *testing.T) {
	w := newWorld(t, Config{Services: &web1{status: "ACTIVE"}})
	w.cluster("default")
	arn := arn(here, "service/default/web")
	got(w.TagResource(w.ctx, &api.TagResourceRequest{ResourceArn: arn, Tags: []api.Tag{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}}}))(w)
	got(w.UntagResource(w.ctx, &api.UntagResourceRequest{ResourceArn: arn, TagKeys: []string{"a"}}))(w)
	if tags := got(w.ListTagsForResource(w.ctx, &api.ListTagsForResourceRequest{ResourceArn: arn}))(w).Tags; len(tags) != 1 || tags[0].Key != "b" {
		t.Errorf("%v", tags)
	}
	if _, err := w.TagResource(w.ctx, &api.TagResourceRequest{ResourceArn: arn + "2", Tags: []api.Tag{{Key: "a", Value: "1"}}}); code(err) != api.ResourceNotFoundException {
		t.Errorf("of a service that is not there: %v", err)
	}
}

func TestTasksAreListedByService(t *testing.T) {
	w := newWorld(t, Config{Services: &web1{status: "ACTIVE"}})
	w.cluster("default")
	w.define(jobDefinition)
	w.instance(1024, 1000)
	tasks := got(w.LaunchFor(w.ctx, here, onInstances("job", 3), nil))(w).Tasks
	got(w.RunTask(w.ctx, &api.RunTaskRequest{TaskDefinition: "job"}))(w)
	w.stop(w.task(tasks[0]))
	list := func(r api.ListTasksRequest) string {
		out, err := w.ListTasks(w.ctx, &r)
		if err != nil {
			return code(err)
		}
		return string('0' + rune(len(out.TaskArns)))
	}
	for _, c := range []struct {
		r    api.ListTasksRequest
		want string
	}{
		{api.ListTasksRequest{ServiceName: "web"}, "2"},
		{api.ListTasksRequest{ServiceName: arn(here, "service/default/web")}, "2"},
		{api.ListTasksRequest{ServiceName: "web", DesiredStatus: api.DesiredStatusStopped}, "1"},
		{api.ListTasksRequest{ServiceName: "web", LaunchType: api.LaunchTypeFargate}, "0"},
		{api.ListTasksRequest{ServiceName: "api"}, api.ServiceNotFoundException},
		{api.ListTasksRequest{ServiceName: arn(here, "service/other/web")}, api.InvalidParameterException},
	} {
		if is := list(c.r); is != c.want {
			t.Errorf("%+v: %s, want %s", c.r, is, c.want)
		}
	}
}

// A definition that was deleted stays while a service may start tasks of it.
func TestADefinitionStaysWhileAServiceRefersToIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		services := &web1{status: "ACTIVE"}
		w := newWorld(t, Config{Services: services})
		w.cluster("default")
		w.define(jobDefinition)
		w.instance(1024, 1000)
		got(w.DeregisterTaskDefinition(w.ctx, &api.DeregisterTaskDefinitionRequest{TaskDefinition: "job:1"}))(w)
		got(w.DeleteTaskDefinitions(w.ctx, &api.DeleteTaskDefinitionsRequest{TaskDefinitions: []string{"job:1"}}))(w)
		w.afterSweeps()
		if out := got(w.LaunchFor(w.ctx, here, onInstances("job", 1), nil))(w); len(out.Tasks) != 1 {
			t.Fatalf("%+v", out)
		} else {
			w.report(w.task(out.Tasks[0]), TaskReport{Status: Stopped})
		}
		services.setStatus("INACTIVE")
		w.afterSweeps()
		if _, ok := w.TaskDefinitions.Get(here, Revision{"job", 1}.Key()); ok {
			t.Error("it stays for ever")
		}
	})
}
