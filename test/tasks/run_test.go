package tasks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// TestRunTask looks at what a caller may ask of RunTask beside the task itself.
func TestRunTask(t *testing.T) {
	w := start(t)
	t.Run("ten at once", func(t *testing.T) {
		w := w.in(t)
		in := w.request(fargate(container("main", "run")))
		in.Count = aws.Int32(10)
		addresses := map[string]bool{}
		for _, task := range w.run(in) {
			addresses[detail(w.until("RUNNING", task), "privateIPv4Address")] = true
			w.stop(task)
		}
		if len(addresses) != 10 {
			t.Errorf("ten tasks have %d addresses", len(addresses))
		}
	})
	t.Run("eleven", func(t *testing.T) {
		w := w.in(t)
		in := w.request(fargate(container("main", "run")))
		in.Count = aws.Int32(11)
		_, err := w.ecs.RunTask(t.Context(), in)
		w.wantError(err, "InvalidParameterException", "")
	})
	t.Run("overrides", func(t *testing.T) {
		w := w.in(t)
		c := logged(container("main", "run"))
		c.Environment = []types.KeyValuePair{{Name: aws.String("KEPT"), Value: aws.String("defined")}, {Name: aws.String("CHANGED"), Value: aws.String("defined")}}
		side := container("side", "run")
		in := w.request(fargate(c, side))
		in.Overrides = &types.TaskOverride{Cpu: aws.String("512"), Memory: aws.String("1024"), ContainerOverrides: []types.ContainerOverride{{
			Name: aws.String("main"), Command: []string{"environment"}, Cpu: aws.Int32(100), Memory: aws.Int32(300), MemoryReservation: aws.Int32(200),
			Environment: []types.KeyValuePair{{Name: aws.String("CHANGED"), Value: aws.String("overridden")}, {Name: aws.String("ADDED"), Value: aws.String("")}}}}}
		task := w.until("STOPPED", w.run(in)[0])
		w.exited(task, "main", 0)
		env := w.printed(task, "main", 5)
		for _, want := range []string{"KEPT=defined", "CHANGED=overridden", "ADDED="} {
			if !slices.Contains(env, want) {
				t.Errorf("its environment is %q, without %s", env, want)
			}
		}
		if aws.ToString(task.Cpu) != "512" || aws.ToString(task.Memory) != "1024" {
			t.Errorf("the task has cpu %s, memory %s", aws.ToString(task.Cpu), aws.ToString(task.Memory))
		}
		if c := w.byName(task, "main"); aws.ToString(c.Cpu) != "100" || aws.ToString(c.Memory) != "300" || aws.ToString(c.MemoryReservation) != "200" {
			t.Errorf("the container has cpu %s, memory %s, reservation %s", aws.ToString(c.Cpu), aws.ToString(c.Memory), aws.ToString(c.MemoryReservation))
		}
		shown := task.Overrides.ContainerOverrides
		if len(shown) != 2 || aws.ToString(shown[0].Name) != "main" || !slices.Equal(shown[0].Command, []string{"environment"}) || aws.ToString(shown[1].Name) != "side" {
			t.Errorf("the overrides are shown as %+v", shown)
		}
	})
	t.Run("an override of memory is the limit", func(t *testing.T) {
		w := w.in(t)
		c := logged(container("main", "hog", "200"))
		in := w.request(onEC2(types.NetworkModeNone, c))
		in.Overrides = &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{{Name: aws.String("main"), Memory: aws.Int32(400)}}}
		task := w.until("RUNNING", w.run(in)[0])
		in.Overrides.ContainerOverrides[0].Memory = aws.Int32(50)
		w.exited(w.until("STOPPED", w.run(in)[0]), "main", 137)
		w.endsWell(task)
	})
	t.Run("an override for a container that is not there", func(t *testing.T) {
		w := w.in(t)
		in := w.request(fargate(container("main", "run")))
		in.Overrides = &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{{Name: aws.String("nobody")}}}
		_, err := w.ecs.RunTask(t.Context(), in)
		w.wantError(err, "InvalidParameterException", "Override for container named nobody is not a container in the TaskDefinition.")
	})
	t.Run("group, startedBy and tags", func(t *testing.T) {
		w := w.in(t)
		d := fargate(container("main", "exit"))
		d.Tags = []types.Tag{{Key: aws.String("from"), Value: aws.String("definition")}, {Key: aws.String("both"), Value: aws.String("definition")}}
		in := w.request(d)
		in.Group, in.StartedBy, in.EnableECSManagedTags, in.PropagateTags = aws.String("batch"), aws.String("me"), true, types.PropagateTagsTaskDefinition
		in.Tags = []types.Tag{{Key: aws.String("both"), Value: aws.String("request")}}
		task := w.describe(w.run(in)[0])
		if aws.ToString(task.Group) != "batch" || aws.ToString(task.StartedBy) != "me" {
			t.Errorf("group %s, started by %s", aws.ToString(task.Group), aws.ToString(task.StartedBy))
		}
		tags := map[string]string{}
		for _, tag := range task.Tags {
			tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
		if want := map[string]string{"from": "definition", "both": "request", "aws:ecs:clusterName": "default"}; fmt.Sprint(tags) != fmt.Sprint(want) {
			t.Errorf("tags %v, want %v", tags, want)
		}
		in = w.request(fargate(container("main", "exit")))
		if got, want := aws.ToString(w.run(in)[0].Group), "family:"+*d.Family; got != want {
			t.Errorf("without a group it is in %s, want %s", got, want)
		}
	})
	t.Run("a client token is good for one launch", func(t *testing.T) {
		w := w.in(t)
		in := w.request(fargate(container("main", "run")))
		in.ClientToken, in.Count = aws.String("token-1"), aws.Int32(2)
		first := w.run(in)
		for range 3 {
			again := w.run(in)
			if aws.ToString(again[0].TaskArn) != aws.ToString(first[0].TaskArn) || aws.ToString(again[1].TaskArn) != aws.ToString(first[1].TaskArn) {
				t.Errorf("the same token started other tasks")
			}
		}
		w.Kill()
		w.Restart()
		if again := w.run(in); aws.ToString(again[0].TaskArn) != aws.ToString(first[0].TaskArn) {
			t.Errorf("after a restart the same token started other tasks")
		}
		in.Count = aws.Int32(1)
		_, err := w.ecs.RunTask(t.Context(), in)
		w.wantError(err, "ConflictException", "")
		w.stop(first[0])
		w.stop(first[1])
		in.Count = aws.Int32(2)
		if again := w.run(in); aws.ToString(again[0].TaskArn) != aws.ToString(first[0].TaskArn) || aws.ToString(again[0].LastStatus) != "STOPPED" {
			t.Errorf("once they have stopped the same token answers %s %s", id(again[0]), aws.ToString(again[0].LastStatus))
		}
	})
	t.Run("what is refused", func(t *testing.T) {
		w := w.in(t)
		good := w.request(fargate(container("main", "run")))
		onlyEC2 := w.request(onEC2(types.NetworkModeHost, container("main", "run")))
		for name, c := range map[string]struct {
			change        func(in *ecs.RunTaskInput)
			from          *ecs.RunTaskInput
			code, message string
		}{
			"a cluster that is not there":    {func(in *ecs.RunTaskInput) { in.Cluster = aws.String("nowhere") }, good, "ClusterNotFoundException", "Cluster not found."},
			"a definition that is not there": {func(in *ecs.RunTaskInput) { in.TaskDefinition = aws.String("nothing") }, good, "ClientException", "TaskDefinition not found."},
			"no network":                     {func(in *ecs.RunTaskInput) { in.NetworkConfiguration = nil }, good, "InvalidParameterException", "Network Configuration must be provided when networkMode 'awsvpc' is specified."},
			"a network in host mode":         {func(in *ecs.RunTaskInput) { in.NetworkConfiguration = good.NetworkConfiguration }, onlyEC2, "InvalidParameterException", "Network Configuration is not valid for the given networkMode of this task definition."},
			"FARGATE for an EC2 definition":  {func(in *ecs.RunTaskInput) { in.LaunchType = types.LaunchTypeFargate }, onlyEC2, "InvalidParameterException", "Task definition does not support launch_type FARGATE."},
			"a subnet that is not there": {func(in *ecs.RunTaskInput) {
				in.NetworkConfiguration = &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{"subnet-0123456789abcdef0"}}}
			}, good, "InvalidParameterException", "subnet-0123456789abcdef0"},
		} {
			t.Run(name, func(t *testing.T) {
				w, in := w.in(t), *c.from
				c.change(&in)
				_, err := w.ecs.RunTask(t.Context(), &in)
				w.wantError(err, c.code, c.message)
			})
		}
	})
}

// TestRoomRunsOut asks for more than the machine has.
func TestRoomRunsOut(t *testing.T) {
	w := start(t)
	instance := aws.ToString(w.machine().ContainerInstanceArn)
	remaining := func(t *testing.T, name string) types.Resource {
		t.Helper()
		out, err := w.ecs.DescribeContainerInstances(t.Context(), &ecs.DescribeContainerInstancesInput{ContainerInstances: []string{instance}})
		if err != nil || len(out.ContainerInstances) != 1 {
			t.Fatalf("describe the container instance: %v %+v", err, out)
		}
		for _, r := range out.ContainerInstances[0].RemainingResources {
			if aws.ToString(r.Name) == name {
				return r
			}
		}
		t.Fatalf("the instance has no %s", name)
		return types.Resource{}
	}
	refused := func(w *world, in *ecs.RunTaskInput, arn, reason string) {
		w.t.Helper()
		out, err := w.ecs.RunTask(w.t.Context(), in)
		if err != nil || len(out.Tasks) != 0 || len(out.Failures) != 1 || aws.ToString(out.Failures[0].Arn) != arn || !strings.HasPrefix(aws.ToString(out.Failures[0].Reason), reason) {
			w.t.Errorf("RunTask: %v, %d tasks, failures %s; want %s %s", err, len(out.Tasks), failures(out.Failures), arn, reason)
		}
	}
	t.Run("memory of a container instance", func(t *testing.T) {
		w := w.in(t)
		before := remaining(t, "MEMORY").IntegerValue
		half := container("main", "run")
		half.Memory = aws.Int32(before/2 + 1)
		in := w.request(onEC2(types.NetworkModeNone, half))
		in.Count = aws.Int32(3)
		out, err := w.ecs.RunTask(t.Context(), in)
		if err != nil || len(out.Tasks) != 1 || len(out.Failures) != 1 || aws.ToString(out.Failures[0].Reason) != "RESOURCE:MEMORY" || aws.ToString(out.Failures[0].Arn) != instance {
			t.Fatalf("three halves: %v, %d tasks, failures %s", err, len(out.Tasks), failures(out.Failures))
		}
		if got := remaining(t, "MEMORY").IntegerValue; got != before-before/2-1 {
			t.Errorf("%d MiB of %d remain", got, before)
		}
		in.Count, in.ClientToken = nil, nil
		refused(w, in, instance, "RESOURCE:MEMORY")
		w.stop(out.Tasks[0])
		if got := remaining(t, "MEMORY").IntegerValue; got != before {
			t.Errorf("after its end %d MiB of %d remain", got, before)
		}
		in.ClientToken = nil
		w.stop(w.run(in)[0])
	})
	t.Run("cpu of a container instance", func(t *testing.T) {
		w := w.in(t)
		c := container("main", "run")
		c.Cpu = remaining(t, "CPU").IntegerValue + 1
		refused(w, w.request(onEC2(types.NetworkModeNone, c)), instance, "RESOURCE:CPU")
	})
	t.Run("memory of Fargate", func(t *testing.T) {
		w := w.in(t)
		d := fargate(container("main", "run"))
		d.Cpu, d.Memory = aws.String("16384"), aws.String("122880")
		refused(w, w.request(d), "", "Capacity is unavailable at this time. Please try again later or in a different availability zone")
	})
	t.Run("ports in host mode", func(t *testing.T) {
		w := w.in(t)
		c := container("main", "run")
		c.PortMappings = []types.PortMapping{{ContainerPort: aws.Int32(7001)}, {ContainerPort: aws.Int32(7001), Protocol: types.TransportProtocolUdp}}
		in := w.request(onEC2(types.NetworkModeHost, c))
		task := w.until("RUNNING", w.run(in)[0])
		for _, name := range []string{"PORTS", "PORTS_UDP"} {
			if got := remaining(t, name).StringSetValue; !slices.Contains(got, strconv.Itoa(7001)) {
				t.Errorf("taken %s are %v", name, got)
			}
		}
		refused(w, in, instance, "RESOURCE:PORTS")
		in.ClientToken = nil
		c.PortMappings = c.PortMappings[1:]
		refused(w, w.request(onEC2(types.NetworkModeHost, c)), instance, "RESOURCE:PORTS_UDP")
		c.PortMappings = []types.PortMapping{{ContainerPort: aws.Int32(22)}}
		refused(w, w.request(onEC2(types.NetworkModeHost, c)), instance, "RESOURCE:PORTS")
		w.stop(task)
		w.stop(w.run(in)[0])
	})
	t.Run("a cluster without instances", func(t *testing.T) {
		w := w.in(t)
		if _, err := w.ecs.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("empty")}); err != nil {
			t.Fatal(err)
		}
		in := w.request(onEC2(types.NetworkModeNone, container("main", "exit")))
		in.Cluster = aws.String("empty")
		_, err := w.ecs.RunTask(t.Context(), in)
		w.wantError(err, "InvalidParameterException", "No Container Instances were found in your cluster.")
		in = w.request(fargate(container("main", "exit")))
		in.Cluster = aws.String("empty")
		w.exited(w.until("STOPPED", w.run(in)[0]), "main", 0)
	})
}

// TestListTasks finds tasks by each filter.
func TestListTasks(t *testing.T) {
	w := start(t)
	run := func(family string, d *ecs.RegisterTaskDefinitionInput, startedBy string) types.Task {
		d.Family = aws.String(family)
		in := w.request(d)
		if startedBy != "" {
			in.StartedBy = aws.String(startedBy)
		}
		return w.until("RUNNING", w.run(in)[0])
	}
	one := run("one", fargate(container("main", "run")), "me")
	two := run("two", onEC2(types.NetworkModeHost, container("main", "run")), "me")
	three := w.stop(run("one", fargate(container("main", "run")), ""))
	for name, c := range map[string]struct {
		in   ecs.ListTasksInput
		want []types.Task
	}{
		"all that run":           {ecs.ListTasksInput{}, []types.Task{one, two}},
		"those that stopped":     {ecs.ListTasksInput{DesiredStatus: types.DesiredStatusStopped}, []types.Task{three}},
		"PENDING, which is none": {ecs.ListTasksInput{DesiredStatus: types.DesiredStatusPending}, nil},
		"a family's":             {ecs.ListTasksInput{Family: aws.String("one")}, []types.Task{one}},
		"a family's, stopped":    {ecs.ListTasksInput{Family: aws.String("one"), DesiredStatus: types.DesiredStatusStopped}, []types.Task{three}},
		"startedBy":              {ecs.ListTasksInput{StartedBy: aws.String("me")}, []types.Task{one, two}},
		"a launch type's":        {ecs.ListTasksInput{LaunchType: types.LaunchTypeEc2}, []types.Task{two}},
		"an instance's":          {ecs.ListTasksInput{ContainerInstance: two.ContainerInstanceArn}, []types.Task{two}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := w.ecs.ListTasks(t.Context(), &c.in)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, task := range c.want {
				want = append(want, aws.ToString(task.TaskArn))
			}
			slices.Sort(want)
			slices.Sort(got.TaskArns)
			if !slices.Equal(got.TaskArns, want) {
				t.Errorf("it lists %v, want %v", got.TaskArns, want)
			}
		})
	}
	t.Run("page by page", func(t *testing.T) {
		var found []string
		pages := ecs.NewListTasksPaginator(w.ecs, &ecs.ListTasksInput{MaxResults: aws.Int32(1)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil || len(page.TaskArns) > 1 {
				t.Fatalf("%v %+v", err, page)
			}
			found = append(found, page.TaskArns...)
		}
		if slices.Sort(found); len(slices.Compact(found)) != 2 {
			t.Errorf("found %v", found)
		}
	})
	t.Run("what stopped is described", func(t *testing.T) {
		w := w.in(t)
		task := w.describe(three)
		if task.StoppedAt == nil || task.StoppingAt == nil || task.ExecutionStoppedAt == nil || task.StartedAt == nil || task.Connectivity != types.ConnectivityConnected ||
			task.StopCode != types.TaskStopCodeUserInitiated || aws.ToString(task.DesiredStatus) != "STOPPED" {
			t.Errorf("%+v", task)
		}
		times := []*time.Time{task.CreatedAt, task.PullStartedAt, task.PullStoppedAt, task.StartedAt, task.StoppingAt, task.ExecutionStoppedAt, task.StoppedAt}
		if !slices.IsSortedFunc(times, func(a, b *time.Time) int { return a.Compare(*b) }) {
			t.Errorf("the times of its life are out of order: %v", times)
		}
		out, err := w.ecs.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Tasks: []string{strings.Repeat("0", 32), id(three)}})
		if err != nil || len(out.Tasks) != 1 || len(out.Failures) != 1 || aws.ToString(out.Failures[0].Reason) != "MISSING" {
			t.Errorf("%v %+v", err, out)
		}
	})
}
