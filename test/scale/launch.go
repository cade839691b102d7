package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/wire/client"
)

// watch knows which tasks run. An agent's report counts once the control plane has answered it: then it is on disk.
type watch struct {
	shards [64]shard
}

type shard struct {
	mu   sync.Mutex
	ran  map[string]time.Time
	wait map[string]chan time.Time
}

func newWatch() *watch {
	w := &watch{}
	for i := range w.shards {
		w.shards[i] = shard{ran: map[string]time.Time{}, wait: map[string]chan time.Time{}}
	}
	return w
}

func (w *watch) of(task string) *shard { return &w.shards[task[len(task)-1]%64] }

// reported is told what agents have reported.
func (w *watch) reported(task, status string) {
	if status != "RUNNING" {
		return
	}
	now, s := time.Now(), w.of(task)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.wait[task]; c != nil {
		delete(s.wait, task)
		c <- now
		return
	}
	s.ran[task] = now
}

// running returns when a task was reported to run.
func (w *watch) running(ctx context.Context, task string) (time.Time, error) {
	s := w.of(task)
	s.mu.Lock()
	if at, ok := s.ran[task]; ok {
		delete(s.ran, task)
		s.mu.Unlock()
		return at, nil
	}
	c := make(chan time.Time, 1)
	s.wait[task] = c
	s.mu.Unlock()
	select {
	case at := <-c:
		return at, nil
	case <-ctx.Done():
		return time.Time{}, context.Cause(ctx)
	}
}

// launched is what the load reads of RunTask's answer.
type launched struct {
	Tasks []struct {
		TaskArn string `json:"taskArn"`
	} `json:"tasks"`
	Failures []ecs.Failure `json:"failures"`
}

var runTask = schema.Op[ecs.RunTaskRequest, launched]{Service: ecs.RunTask.Service, Name: ecs.RunTask.Name}

// launches is what became of some launches.
type launches struct {
	tasks     int
	took      time.Duration
	answered  []time.Duration // of each call
	latencies []time.Duration // of each task, from its call to its report that was answered
}

// launchUntil has callers ask for ten tasks at a time, each again once all its ten run, until so many tasks run or the
// time is over. A failure ends it.
func launchUntil(ctx context.Context, c *client.Client, w *watch, callers, tasks int, within time.Duration, progress func(done int)) (launches, error) {
	began := time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var out launches
	var asked atomic.Int64
	var work sync.WaitGroup
	for range callers {
		work.Go(func() {
			for time.Since(began) < within && asked.Add(10) <= int64(tasks) {
				answered, latencies, err := launchTen(ctx, c, w)
				if err != nil {
					cancel(err)
					return
				}
				mu.Lock()
				out.answered = append(out.answered, answered)
				out.latencies = append(out.latencies, latencies...)
				done := len(out.latencies)
				mu.Unlock()
				progress(done)
			}
		})
	}
	work.Wait()
	out.tasks, out.took = len(out.latencies), time.Since(began)
	return out, context.Cause(ctx)
}

// launchTen launches ten tasks and waits until they run.
func launchTen(ctx context.Context, c *client.Client, w *watch) (answered time.Duration, latencies []time.Duration, err error) {
	count, began := int32(10), time.Now()
	out, err := client.Call(ctx, c, runTask, &ecs.RunTaskRequest{Cluster: cluster, TaskDefinition: family, Count: &count})
	if err != nil {
		return 0, nil, err
	}
	answered = time.Since(began)
	if len(out.Failures) > 0 || len(out.Tasks) != 10 {
		return 0, nil, fmt.Errorf("RunTask placed %d tasks of 10: %+v", len(out.Tasks), out.Failures)
	}
	for _, t := range out.Tasks {
		at, err := w.running(ctx, t.TaskArn)
		if err != nil {
			return 0, nil, err
		}
		latencies = append(latencies, at.Sub(began))
	}
	return answered, latencies, nil
}

// quantile is the time below which that share of times lies.
func quantile(times []time.Duration, share float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(times))
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

const (
	cluster = "scale"
	family  = "scale"
)

// prepare makes the cluster and the task definition.
func prepare(ctx context.Context, c *client.Client) error {
	if _, err := client.Call(ctx, c, ecs.CreateCluster, &ecs.CreateClusterRequest{ClusterName: cluster}); err != nil {
		return err
	}
	memory, essential := int32(16), true
	_, err := client.Call(ctx, c, ecs.RegisterTaskDefinition, &ecs.RegisterTaskDefinitionRequest{Family: family, NetworkMode: ecs.NetworkModeHost,
		ContainerDefinitions: []ecs.ContainerDefinition{{Name: "main", Image: "berth/hello", Cpu: 16, Memory: &memory, Essential: &essential,
			Environment: []ecs.KeyValuePair{{Name: "MODE", Value: "scale"}, {Name: "ENDPOINT", Value: "http://example.internal:8080"}}}}})
	return err
}

// counted compares what the control plane says of the cluster with what was launched.
func counted(ctx context.Context, c *client.Client, want int) error {
	out, err := client.Call(ctx, c, ecs.DescribeClusters, &ecs.DescribeClustersRequest{Clusters: []string{cluster}})
	if err != nil {
		return err
	}
	got := out.Clusters[0]
	if int(got.RunningTasksCount) != want || got.PendingTasksCount != 0 {
		return fmt.Errorf("%d tasks run and %d are pending, where %d were launched", got.RunningTasksCount, got.PendingTasksCount, want)
	}
	return nil
}

// someTasks are tasks of the cluster, the first hundred that it lists.
func someTasks(ctx context.Context, c *client.Client) ([]string, error) {
	out, err := client.Call(ctx, c, ecs.ListTasks, &ecs.ListTasksRequest{Cluster: cluster})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(out.TaskArns, func(arn string) bool { return !strings.Contains(arn, "/"+cluster+"/") }), nil
}
