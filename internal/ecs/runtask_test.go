package ecs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs/placement"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

const webDefinition = `{"family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
	"containerDefinitions": [{"name": "web", "image": "berth/hello", "portMappings": [{"containerPort": 8080}]}]}`

const hostDefinition = `{"family": "host", "networkMode": "host", "containerDefinitions": [
	{"name": "app", "image": "berth/hello", "cpu": 100, "memory": 200, "portMappings": [{"containerPort": 9000}]}]}`

const awsvpc = `"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}`

func (w *world) define(definition string) {
	w.t.Helper()
	var r api.RegisterTaskDefinitionRequest
	w.ok(json.Unmarshal([]byte(definition), &r))
	got(w.RegisterTaskDefinition(w.ctx, &r))(w)
}

// web asks for tasks of the family web on Fargate.
func web(count int32) *api.RunTaskRequest {
	return &api.RunTaskRequest{TaskDefinition: "web", LaunchType: api.LaunchTypeFargate, Count: &count,
		NetworkConfiguration: &api.NetworkConfiguration{AwsvpcConfiguration: &api.AwsVpcConfiguration{Subnets: []string{"subnet-1"}}}}
}

func (w *world) interfaces() (n int) {
	for range w.network.interfaces.All() {
		n++
	}
	return n
}

// usedMemory is what the ledger says that a machine's tasks take.
func (w *world) usedMemory(machine string) int64 {
	w.placer.mu.Lock()
	defer w.placer.mu.Unlock()
	return w.placer.ledger.Used(machine).Memory
}

func code(err error) string {
	var e *wire.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return fmt.Sprint(err)
}

func TestRunTaskPlacesWhatFits(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(webDefinition)
	w.fargate(256, 1600) // memory for three; cpu is a weight
	out := got(w.RunTask(w.ctx, web(5)))(w)
	if len(out.Tasks) != 3 || len(out.Failures) != 2 {
		t.Fatalf("%d tasks, failures %+v", len(out.Tasks), out.Failures)
	}
	for _, f := range out.Failures {
		if f.Reason != noCapacity || f.Detail == "" {
			t.Errorf("failure %+v", f)
		}
	}
	if n := w.interfaces(); n != 3 {
		t.Errorf("%d network interfaces", n)
	}
}

func TestAPlacementWaitsForAgentsThatAreExpected(t *testing.T) {
	w := newWorld(t, Config{Settle: time.Minute, Expected: 2})
	w.cluster("default")
	w.cluster("empty")
	w.define(hostDefinition)
	answered := make(chan error, 1)
	go func() {
		_, err := w.RunTask(w.ctx, &api.RunTaskRequest{TaskDefinition: "host", Cluster: "empty"})
		answered <- err
	}()
	w.instance(1024, 1024)
	select {
	case err := <-answered:
		t.Fatalf("answered before all have come: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	w.fargate(1024, 1024)
	if err := <-answered; err == nil || !strings.Contains(err.Error(), "No Container Instances") {
		t.Errorf("once all have come: %v", err)
	}
}

func TestStrictCapacityReservesTheCPUOfFargate(t *testing.T) {
	w := newWorld(t, Config{StrictCapacity: true})
	w.cluster("default")
	w.define(webDefinition)
	w.fargate(600, 8192)
	if out := got(w.RunTask(w.ctx, web(5)))(w); len(out.Tasks) != 2 {
		t.Errorf("%d tasks of 256 units on a machine of 600", len(out.Tasks))
	}
}

func TestNothingPlacedIsNothingWritten(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(webDefinition)
	r := web(2)
	r.ClientToken = "token"
	out := got(w.RunTask(w.ctx, r))(w)
	if len(out.Tasks) != 0 || len(out.Failures) != 2 || out.Failures[0].Detail != "No machine of the Fargate pool is registered in us-east-1." {
		t.Errorf("%+v", out)
	}
	if w.Tasks.Len(here) != 0 || w.interfaces() != 0 {
		t.Error("something was written")
	}
	w.fargate(1024, 4096)
	if out := got(w.RunTask(w.ctx, r))(w); len(out.Tasks) != 2 {
		t.Errorf("a token of an attempt that placed nothing is not free: %+v", out)
	}
}

func TestClientTokenRunsTasksOnce(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(webDefinition)
	i := w.fargate(1024, 8192)
	var mu sync.Mutex
	answers := map[string]int{}
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			r := web(2)
			r.ClientToken = "once"
			out, err := w.RunTask(w.ctx, r)
			if err != nil || len(out.Tasks) != 2 {
				t.Errorf("%+v %v", out, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			answers[out.Tasks[0].TaskArn+out.Tasks[1].TaskArn]++
		})
	}
	calls.Wait()
	if len(answers) != 1 || w.Tasks.Len(here) != 2 || w.interfaces() != 2 {
		t.Errorf("answers %v, %d tasks, %d interfaces", answers, w.Tasks.Len(here), w.interfaces())
	}
	var first []string
	for row := range w.Tasks.All() {
		first = append(first, TaskARN(here, "default", row.ID))
	}
	for range 4 {
		calls.Go(func() {
			other := web(3)
			other.ClientToken = "once"
			_, err := w.RunTask(w.ctx, other)
			if ids := conflicting(err); code(err) != "ConflictException" || !sameSet(ids, first) {
				t.Errorf("other parameters: %v, of %v; want those of %v", err, ids, first)
			}
		})
	}
	calls.Wait()
	if n := w.usedMemory(i.Machine); n != 2*512 {
		t.Errorf("%d MiB are used: replays hold what they do not use", n)
	}
}

// conflicting are the resources that a ConflictException names.
func conflicting(err error) []string {
	var e *wire.Error
	if errors.As(err, &e) {
		ids, _ := e.Fields["resourceIds"].([]string)
		return ids
	}
	return nil
}

func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

// Two that come at the same time with one token and different parameters: one wins, the other is told whose tasks there are.
func TestOneTokenIsGoodForOneOfTwoRequests(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(webDefinition)
	w.fargate(1024, 1<<20)
	for i := range 50 {
		var calls sync.WaitGroup
		started := make(chan []string, 2)
		refused := make(chan error, 2)
		for n := range int32(2) {
			calls.Go(func() {
				r := web(n + 1)
				r.ClientToken = fmt.Sprint("token-", i)
				out, err := w.RunTask(w.ctx, r)
				if err != nil {
					refused <- err
					return
				}
				var arns []string
				for _, task := range out.Tasks {
					arns = append(arns, task.TaskArn)
				}
				started <- arns
			})
		}
		calls.Wait()
		if len(started) != 1 || len(refused) != 1 {
			t.Fatalf("%d started, %d were refused", len(started), len(refused))
		}
		if tasks, err := <-started, <-refused; code(err) != "ConflictException" || !sameSet(conflicting(err), tasks) {
			t.Fatalf("%v of %v, want those of %v", err, conflicting(err), tasks)
		}
	}
}

func TestATokenAnswersWhateverHasChangedSince(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(webDefinition)
	i := w.fargate(1024, 1024)
	r := web(1)
	r.ClientToken = "again"
	first := got(w.RunTask(w.ctx, r))(w)
	got(w.DeregisterTaskDefinition(w.ctx, &api.DeregisterTaskDefinitionRequest{TaskDefinition: "web:1"}))(w)
	got(w.StopTask(w.ctx, &api.StopTaskRequest{Task: first.Tasks[0].TaskArn}))(w)
	again := got(w.RunTask(w.ctx, r))(w)
	if len(again.Tasks) != 1 || again.Tasks[0].TaskArn != first.Tasks[0].TaskArn || again.Tasks[0].DesiredStatus != "STOPPED" {
		t.Errorf("%+v", again)
	}
	if n := w.usedMemory(i.Machine); n != 512 {
		t.Errorf("%d MiB are used", n)
	}
}

func TestAFailedCommitGivesItsRoomBack(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(webDefinition)
	i := w.fargate(1024, 1024)
	r := web(2)
	r.NetworkConfiguration.AwsvpcConfiguration.Subnets[0] = "subnet-2"
	for range 3 {
		if _, err := w.RunTask(w.ctx, r); code(err) != "InvalidParameterException" {
			t.Fatal(err)
		}
	}
	if n := w.usedMemory(i.Machine); n != 0 || w.Tasks.Len(here) != 0 {
		t.Errorf("%d MiB are used, %d tasks", n, w.Tasks.Len(here))
	}
}

// What a launch was checked against may be gone when it commits: a task of a deleted cluster could not be described, one without a
// definition neither delivered nor stopped.
func TestRunTaskCommitsNothingThatHasLostItsGround(t *testing.T) {
	for _, test := range []struct {
		name string
		lose func(w *world)
		want string
	}{
		{"the cluster is deleted", func(w *world) {
			got(w.DeleteCluster(w.ctx, &api.DeleteClusterRequest{Cluster: "default"}))(w)
		}, "ClusterNotFoundException"},
		{"the definition is forgotten", func(w *world) {
			w.ok(w.db.Update(w.ctx, func(tx *store.Tx) error {
				return w.TaskDefinitions.Delete(tx, here, Revision{"web", 1}.Key())
			}))
		}, "ClientException"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, Config{})
			w.cluster("default")
			w.define(webDefinition)
			i := w.fargate(1024, 1024)
			var once sync.Once
			w.network.meanwhile = func() {
				once.Do(func() {
					lost := make(chan struct{})
					go func() { defer close(lost); test.lose(w) }()
					<-lost
				})
			}
			if _, err := w.RunTask(w.ctx, web(1)); code(err) != test.want {
				t.Errorf("%v", err)
			}
			if n := w.usedMemory(i.Machine); n != 0 || w.Tasks.Len(here) != 0 || w.interfaces() != 0 {
				t.Errorf("%d MiB are used, %d tasks, %d interfaces", n, w.Tasks.Len(here), w.interfaces())
			}
		})
	}
}

func TestAClusterIsNotDeletedFromUnderItsTasks(t *testing.T) {
	w := newWorld(t, Config{})
	w.define(webDefinition)
	w.fargate(1024, 1<<20)
	for i := range 300 {
		name := fmt.Sprint("c", i)
		w.cluster(name)
		var calls sync.WaitGroup
		calls.Go(func() {
			r := web(1)
			r.Cluster = name
			w.RunTask(w.ctx, r)
		})
		calls.Go(func() { w.DeleteCluster(w.ctx, &api.DeleteClusterRequest{Cluster: name}) })
		calls.Wait()
		cluster, _ := w.Clusters.Get(here, name)
		if tasks := w.Tasks.Count(here, taskCounts, clusterCount(name, countActive)); tasks > 0 && cluster.Value.Status != clusterActive {
			t.Fatalf("cluster %s is deleted and has %d tasks", name, tasks)
		}
	}
}

// When placing has been stopped and every task was ordered to stop, none is left that runs on.
func TestNoTaskBeginsOnceAllAreToStop(t *testing.T) {
	for range 20 {
		w := newWorld(t, Config{})
		w.cluster("default")
		w.define(webDefinition)
		w.fargate(1024, 1<<20)
		var callers sync.WaitGroup
		for range 8 {
			callers.Go(func() {
				for {
					if _, err := w.RunTask(w.ctx, web(3)); err != nil {
						if code(err) != api.ServerException {
							t.Errorf("%v", err)
						}
						return
					}
				}
			})
		}
		w.until("tasks begin", func() bool { return w.Tasks.Len(here) > 10 })
		w.StopPlacing()
		got(w.StopAll(w.ctx, "the end"))(w)
		callers.Wait()
		for row := range w.Tasks.All() {
			if !row.Value.Ending() {
				t.Fatalf("task %s goes on", row.ID)
			}
		}
	}
}

func TestADeposedLeaderPlacesNothing(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(webDefinition)
	i := w.fargate(1024, 1024)
	got(w.db.Lead(w.ctx, "ecs"))(w)
	if _, err := w.RunTask(w.ctx, web(2)); !errors.Is(err, store.ErrFenced) {
		t.Errorf("%v", err)
	}
	if n := w.usedMemory(i.Machine); n != 0 || w.Tasks.Len(here) != 0 {
		t.Errorf("%d MiB are used, %d tasks", n, w.Tasks.Len(here))
	}
}

// Many callers, machines that come and go, tasks that stop meanwhile: no machine ever runs more than it has, and no port
// is used twice.
func TestConcurrentPlacementsNeverOvercommit(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(hostDefinition)
	total := map[string]placement.Capacity{}
	for range 4 {
		i := w.instance(1000, 3000)
		total[i.Machine] = i.Capacity
	}
	check := func() {
		used, ports := map[string]placement.Capacity{}, map[string]bool{}
		for row := range w.Tasks.All() {
			task := row.Value
			if !task.Status.Live() {
				continue
			}
			u := used[task.Machine]
			used[task.Machine] = placement.Capacity{CPU: u.CPU + task.Demand.CPU, Memory: u.Memory + task.Demand.Memory}
			for _, p := range task.Demand.Ports {
				key := task.Machine + p.String()
				if ports[key] {
					t.Errorf("%s is taken twice", key)
				}
				ports[key] = true
			}
		}
		for m, u := range used {
			if u.CPU > total[m].CPU || u.Memory > total[m].Memory {
				t.Errorf("%s runs %+v of %+v", m, u, total[m])
			}
		}
	}
	var callers sync.WaitGroup
	for range 6 {
		callers.Go(func() {
			for range 25 {
				out, err := w.RunTask(w.ctx, &api.RunTaskRequest{TaskDefinition: "host", Count: new(int32(3))})
				if err != nil {
					t.Error(err)
					return
				}
				check()
				for _, task := range out.Tasks {
					id := task.TaskArn[len(task.TaskArn)-32:]
					if err := w.ApplyTaskReport(w.ctx, here, id, TaskReport{Status: Stopped}); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	callers.Wait()
	check()
}

func TestOverridesAndInheritance(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(`{"family": "two", "networkMode": "host", "taskRoleArn": "task", "containerDefinitions": [
		{"name": "a", "image": "i", "cpu": 100, "memory": 200, "memoryReservation": 100},
		{"name": "b", "image": "i", "cpu": 50, "memory": 50}]}`)
	w.instance(2000, 2000, "com.amazonaws.ecs.capability.docker-remote-api.1.21", "com.amazonaws.ecs.capability.task-iam-role",
		"com.amazonaws.ecs.capability.task-iam-role-network-host")
	out := got(w.RunTask(w.ctx, &api.RunTaskRequest{TaskDefinition: "two:1", Overrides: &api.TaskOverride{
		ExecutionRoleArn:   "arn:aws:iam::000000000000:role/exec",
		ContainerOverrides: []api.ContainerOverride{{Name: "b", Cpu: new(int32(60)), Memory: new(int32(70))}}}}))(w)
	if len(out.Failures) > 0 {
		t.Fatalf("%+v", out.Failures)
	}
	task := w.task(out.Tasks[0].TaskArn[len(out.Tasks[0].TaskArn)-32:])
	if want := (placement.Capacity{CPU: 160, Memory: 170}); task.Demand.CPU != want.CPU || task.Demand.Memory != want.Memory {
		t.Errorf("demand %+v, want %+v", task.Demand, want)
	}
	if task.TaskRole != "arn:aws:iam::000000000000:role/task" || task.ExecutionRole != "arn:aws:iam::000000000000:role/exec" {
		t.Errorf("roles %s, %s", task.TaskRole, task.ExecutionRole)
	}
	b := out.Tasks[0].Containers[1]
	if b.Cpu != "60" || b.Memory != "70" || out.Tasks[0].Cpu != "160" || out.Tasks[0].Memory != "170" || out.Tasks[0].Group != "family:two" {
		t.Errorf("task %+v", out.Tasks[0])
	}
}

func TestOverridesThatCannotBe(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(`{"family": "one", "networkMode": "host", "memory": "512", "containerDefinitions": [
		{"name": "a", "image": "i", "memory": 200, "memoryReservation": 100}]}`)
	w.instance(1024, 1024)
	for name, overrides := range map[string][]api.ContainerOverride{
		"more memory than the task has":    {{Name: "a", Memory: new(int32(513))}},
		"a reservation beyond the task's":  {{Name: "a", Memory: new(int32(600)), MemoryReservation: new(int32(600))}},
		"a container that is not there":    {{Name: "b"}},
		"one container twice":              {{Name: "a"}, {Name: "a"}},
		"a variable without a name":        {{Name: "a", Environment: []api.KeyValuePair{{Value: "v"}}}},
		"a limit below the reservation":    {{Name: "a", Memory: new(int32(99))}},
		"a reservation above the limit":    {{Name: "a", MemoryReservation: new(int32(201))}},
		"less memory than a container has": {{Name: "a", Memory: new(int32(5)), MemoryReservation: new(int32(5))}},
	} {
		r := &api.RunTaskRequest{TaskDefinition: "one", Overrides: &api.TaskOverride{ContainerOverrides: overrides}}
		if out, err := w.RunTask(w.ctx, r); err == nil || !strings.HasSuffix(code(err), "Exception") {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
	less := &api.RunTaskRequest{TaskDefinition: "one", Overrides: &api.TaskOverride{Memory: "199"}}
	if out, err := w.RunTask(w.ctx, less); code(err) != api.InvalidParameterException || !strings.Contains(err.Error(), "'memory' setting for container 'a' is greater than for the task") {
		t.Errorf("a task with less memory than its container: %+v, %v", out, err)
	}
}

func TestRemainingResourcesSubtractAllThatRuns(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(webDefinition)
	w.define(hostDefinition)
	w.fargate(2048, 4096)
	i := w.instance(2048, 4096, "berth.machine=m1")
	got(w.RunTask(w.ctx, web(2)))(w)
	got(w.RunTask(w.ctx, &api.RunTaskRequest{TaskDefinition: "host"}))(w)
	out := got(w.DescribeContainerInstances(w.ctx, &api.DescribeContainerInstancesRequest{ContainerInstances: []string{i.ID}}))(w)
	remaining := out.ContainerInstances[0].RemainingResources
	if remaining[0].IntegerValue != 1948 || remaining[1].IntegerValue != 4096-2*512-200 || !slices.Equal(remaining[2].StringSetValue, []string{"22", "9000"}) {
		t.Errorf("remaining %+v", remaining)
	}
	if list := got(w.ListContainerInstances(w.ctx, &api.ListContainerInstancesRequest{}))(w).ContainerInstanceArns; len(list) != 1 {
		t.Errorf("the Fargate machine is shown: %v", list)
	}
}

func BenchmarkRunTask(b *testing.B) {
	db := store.New(store.NewMemory(store.MemoryConfig{}), store.Config{})
	n := &network{interfaces: store.NewTable[Interface](db, "test", "interface")}
	w := &world{Service: New(db, n, Config{}), t: new(testing.T), ctx: as(b.Context(), wire.User), db: db, network: n}
	if err := db.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	go w.Run(b.Context())
	w.cluster("default")
	w.define(webDefinition)
	w.fargate(1<<20, 1<<30)
	for b.Loop() {
		if out, err := w.RunTask(w.ctx, web(1)); err != nil || len(out.Tasks) != 1 {
			b.Fatal(out, err)
		}
	}
}

func TestAnotherRegionThanTheMachinesIsNamed(t *testing.T) {
	w := newWorld(t, Config{})
	w.fargate(256, 1600)
	elsewhere := wire.WithCaller(t.Context(), wire.Caller{Account: here.Account, Region: "eu-west-1", Kind: wire.User})
	w.ctx = elsewhere
	w.cluster("default")
	w.define(webDefinition)
	out := got(w.RunTask(w.ctx, web(1)))(w)
	if len(out.Failures) != 1 || !strings.Contains(out.Failures[0].Detail, "There is one in us-east-1") || !strings.Contains(out.Failures[0].Detail, "--region eu-west-1") {
		t.Errorf("%+v", out.Failures)
	}
}

// An instance that is deregistered after its tasks were placed there and before they are committed: they are told, end, and give back
// what they had.
func TestAnInstanceThatGoesInTheMiddleOfAPlacement(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(cabledDefinition)
	i := w.instance(1024, 1024)
	var once sync.Once
	w.network.meanwhile = func() {
		once.Do(func() {
			got(w.DeregisterContainerInstance(w.ctx, &api.DeregisterContainerInstanceRequest{ContainerInstance: i.ID}))(w)
		})
	}
	run := web(2)
	run.TaskDefinition, run.LaunchType = "cabled", api.LaunchTypeEc2
	out := got(w.RunTask(w.ctx, run))(w)
	if len(out.Tasks) != 2 {
		t.Fatalf("%+v", out)
	}
	for _, task := range out.Tasks {
		id := lastPart(task.TaskArn)
		w.until("the task has ended", func() bool { return w.task(id).Status == Stopped })
		if end := w.task(id).End; end == nil || end.Reason != "Container instance deregistration forced by user" {
			t.Errorf("%s ended by %+v", id, end)
		}
	}
	w.until("their room is free", func() bool { return w.usedMemory(i.Machine) == 0 })
	if n := w.interfaces(); n != 0 {
		t.Errorf("%d network interfaces are left", n)
	}
}
