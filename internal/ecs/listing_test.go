package ecs

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// names are what stands behind the last slash of ARNs.
func names(arns []string) []string {
	for i, arn := range arns {
		arns[i] = arn[strings.LastIndexByte(arn, '/')+1:]
	}
	return arns
}

func TestDefinitionsAreListedInOrderAndByPages(t *testing.T) {
	w := newWorld(t, Config{})
	for _, family := range []string{"b", "a", "b", "ab", "b", "b"} {
		w.define(`{"family": "` + family + `", "networkMode": "host", "containerDefinitions": [{"name": "X", "image": "i", "memory": 64}]}`)
	}
	for range 9 { // revisions are numbers: 10 comes after 9
		w.define(`{"family": "a", "networkMode": "host", "containerDefinitions": [{"name": "X", "image": "i", "memory": 64}]}`)
	}
	for _, revision := range []string{"b:2", "ab:1"} {
		got(w.DeregisterTaskDefinition(w.ctx, &api.DeregisterTaskDefinitionRequest{TaskDefinition: revision}))(w)
	}
	all := []string{"a:1", "a:2", "a:3", "a:4", "a:5", "a:6", "a:7", "a:8", "a:9", "a:10", "b:1", "b:3", "b:4"}
	reversed := slices.Clone(all)
	slices.Reverse(reversed)
	for name, c := range map[string]struct {
		ask  api.ListTaskDefinitionsRequest
		want []string
	}{
		"all that are active":                  {api.ListTaskDefinitionsRequest{}, all},
		"from the last":                        {api.ListTaskDefinitionsRequest{Sort: api.SortOrderDesc}, reversed},
		"a family, which is no prefix here":    {api.ListTaskDefinitionsRequest{FamilyPrefix: "b"}, []string{"b:1", "b:3", "b:4"}},
		"a family from the last":               {api.ListTaskDefinitionsRequest{FamilyPrefix: "b", Sort: api.SortOrderDesc}, []string{"b:4", "b:3", "b:1"}},
		"what is inactive":                     {api.ListTaskDefinitionsRequest{Status: api.TaskDefinitionStatusInactive}, []string{"ab:1", "b:2"}},
		"what is inactive of a family":         {api.ListTaskDefinitionsRequest{Status: api.TaskDefinitionStatusInactive, FamilyPrefix: "b"}, []string{"b:2"}},
		"what is to be deleted, which is none": {api.ListTaskDefinitionsRequest{Status: api.TaskDefinitionStatusDeleteInProgress}, nil},
	} {
		for _, limit := range []int32{1, 2, 100} {
			var listed []string
			c.ask.NextToken, c.ask.MaxResults = "", &limit
			for {
				page := got(w.ListTaskDefinitions(w.ctx, &c.ask))(w)
				listed = append(listed, names(page.TaskDefinitionArns)...)
				if c.ask.NextToken = page.NextToken; page.NextToken == "" {
					break
				}
			}
			if !slices.Equal(listed, c.want) {
				t.Errorf("%s, by %d: %v, want %v", name, limit, listed, c.want)
			}
		}
	}
	for _, c := range []struct {
		prefix string
		status api.TaskDefinitionFamilyStatus
		want   []string
	}{
		{"", "", []string{"a", "ab", "b"}},
		{"", api.TaskDefinitionFamilyStatusAll, []string{"a", "ab", "b"}},
		{"a", "", []string{"a", "ab"}},
		{"a", api.TaskDefinitionFamilyStatusActive, []string{"a"}},
		{"", api.TaskDefinitionFamilyStatusInactive, []string{"ab"}},
	} {
		out := got(w.ListTaskDefinitionFamilies(w.ctx, &api.ListTaskDefinitionFamiliesRequest{FamilyPrefix: c.prefix, Status: c.status}))(w)
		if !slices.Equal(out.Families, c.want) {
			t.Errorf("families %q %s: %v, want %v", c.prefix, c.status, out.Families, c.want)
		}
	}
}

func TestTasksAreListedByEveryFilter(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.cluster("other")
	w.fargate(2048, 4096)
	i := w.instance(2048, 4096)
	w.define(webDefinition)
	w.define(hostDefinition)
	run := func(r *api.RunTaskRequest) string {
		out := got(w.RunTask(w.ctx, r))(w)
		if len(out.Tasks) != 1 {
			t.Fatalf("%+v", out)
		}
		return names([]string{out.Tasks[0].TaskArn})[0]
	}
	mine := web(1)
	mine.StartedBy = "me"
	elsewhere := web(1)
	elsewhere.Cluster = "other"
	onFargate, started, host, other := run(web(1)), run(mine), run(&api.RunTaskRequest{TaskDefinition: "host"}), run(elsewhere)
	gone := run(mine)
	got(w.StopTask(w.ctx, &api.StopTaskRequest{Task: gone}))(w)

	for name, c := range map[string]struct {
		ask  api.ListTasksRequest
		want []string
	}{
		"those that should run":         {api.ListTasksRequest{}, []string{onFargate, started, host}},
		"those that should not":         {api.ListTasksRequest{DesiredStatus: api.DesiredStatusStopped}, []string{gone}},
		"PENDING is no desired status":  {api.ListTasksRequest{DesiredStatus: api.DesiredStatusPending}, nil},
		"another cluster":               {api.ListTasksRequest{Cluster: "other"}, []string{other}},
		"a family":                      {api.ListTasksRequest{Family: "host"}, []string{host}},
		"a launch type":                 {api.ListTasksRequest{LaunchType: api.LaunchTypeFargate}, []string{onFargate, started}},
		"a launch type of a family":     {api.ListTasksRequest{LaunchType: api.LaunchTypeFargate, Family: "host"}, nil},
		"who started them":              {api.ListTasksRequest{StartedBy: "me"}, []string{started}},
		"who started them, stopped":     {api.ListTasksRequest{StartedBy: "me", DesiredStatus: api.DesiredStatusStopped}, []string{gone}},
		"a container instance":          {api.ListTasksRequest{ContainerInstance: i.ID}, []string{host}},
		"an instance and not its tasks": {api.ListTasksRequest{ContainerInstance: i.ID, Family: "web"}, nil},
	} {
		for _, limit := range []int32{1, 100} {
			var listed []string
			c.ask.NextToken, c.ask.MaxResults = "", &limit
			for {
				page := got(w.ListTasks(w.ctx, &c.ask))(w)
				listed = append(listed, names(page.TaskArns)...)
				if c.ask.NextToken = page.NextToken; page.NextToken == "" {
					break
				}
			}
			slices.Sort(listed)
			slices.Sort(c.want)
			if !slices.Equal(listed, c.want) {
				t.Errorf("%s, by %d: %v, want %v", name, limit, listed, c.want)
			}
		}
	}
}

// What has stopped is in nobody's way: an index has no more rows under a filter's key than are listed.
func TestAListOfTasksWalksPastNoOther(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(hostDefinition)
	i := w.instance(1<<20, 1<<20)
	var running int
	w.ok(w.db.Update(w.ctx, func(tx *store.Tx) error {
		for n := range 60 {
			task := &Task{ID: fmt.Sprintf("%032x", n), Cluster: "default", Definition: Revision{"host", 1}, LaunchType: api.LaunchTypeEc2,
				Instance: i.ID, StartedBy: "me/too", Status: Stopped, EndingAt: time.Unix(1, 0)}
			if n%20 == 0 {
				task.Status, task.EndingAt = Running, time.Time{}
				running++
			}
			if err := w.Tasks.Create(tx, here, task.ID, task); err != nil {
				return err
			}
		}
		return nil
	}))
	for name, ask := range map[string]api.ListTasksRequest{
		"all": {}, "family": {Family: "host"}, "startedBy": {StartedBy: "me/too"}, "instance": {ContainerInstance: i.ID}, "launch type": {LaunchType: api.LaunchTypeEc2},
	} {
		if out := got(w.ListTasks(w.ctx, &ask))(w); len(out.TaskArns) != running {
			t.Errorf("%s: %d tasks are listed, want %d", name, len(out.TaskArns), running)
		}
		f := got(w.filterOf(here, "default", &ask))(w)
		at := w.narrowest(here, f.indexes())
		if n := w.Tasks.Count(here, at.index, at.key); n != running {
			t.Errorf("%s: %d rows are under %s, want %d", name, n, at.key, running)
		}
	}
}

func BenchmarkListTasks(b *testing.B) {
	db := store.New(store.NewMemory(store.MemoryConfig{}), store.Config{})
	n := &network{interfaces: store.NewTable[Interface](db, "test", "interface")}
	w := &world{Service: New(db, n, Config{}), t: new(testing.T), ctx: as(b.Context(), wire.User), db: db, network: n}
	if err := db.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	w.cluster("default")
	const tasks, part = 100_000, 100
	for from := 0; from < tasks; from += part {
		err := db.Update(b.Context(), func(tx *store.Tx) error {
			for n := from; n < from+part; n++ {
				task := &Task{ID: newID(), Cluster: "default", Definition: Revision{"host", 1}, LaunchType: api.LaunchTypeEc2, Status: Running}
				if n%100 == 0 {
					task.LaunchType = api.LaunchTypeFargate
				}
				if err := w.Tasks.Create(tx, here, task.ID, task); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	for name, ask := range map[string]api.ListTasksRequest{"page": {}, "of a family, by launch type": {Family: "host", LaunchType: api.LaunchTypeFargate}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if out, err := w.ListTasks(w.ctx, &ask); err != nil || len(out.TaskArns) != 100 {
					b.Fatal(out, err)
				}
			}
		})
	}
}
