package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/sim"
	"github.com/berth-dev/berth/internal/wire/client"
	"github.com/berth-dev/berth/test/load"
)

// measure measures one fleet after the other, each beside a control plane that is new, and prints what it found.
func measure(ctx context.Context, o options) error {
	r := report{Began: time.Now(), CPUs: runtime.NumCPU(), Go: runtime.Version()}
	for _, n := range o.sizes {
		size, err := measureSize(ctx, o, n, n == slices.Max(o.sizes))
		if err != nil {
			return fmt.Errorf("%d instances: %w", n, err)
		}
		r.Sizes = append(r.Sizes, *size)
	}
	if o.services > 0 {
		var err error
		if r.Services, err = measureServices(ctx, o); err != nil {
			return err
		}
	}
	return r.write(os.Stdout, o.output)
}

// world is a control plane and a fleet.
type world struct {
	options
	*plane
	fleet *sim.Fleet
	watch *watch
	size  *size
}

func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

// perInstance bounds the tasks of small fleets.
const perInstance = 200

func measureSize(ctx context.Context, o options, instances int, largest bool) (_ *size, err error) {
	dir, err := os.MkdirTemp("", "berth-scale-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	p, err := startPlane(dir, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &world{options: o, plane: p, watch: newWatch(), size: &size{Instances: instances}}
	defer func() { w.plane.kill() }() // the data directory goes too: nothing is to be saved
	if err := prepare(ctx, p.client); err != nil {
		return nil, err
	}
	w.fleet = sim.New(sim.Config{Endpoint: p.endpoint, Region: region, Credentials: p.client.Credentials, Cluster: cluster,
		CPU: 64 << 10, Memory: 256 << 10, Telemetry: o.telemetry, Reported: w.watch.reported})
	defer w.fleet.Close()
	steps := []func(context.Context) error{w.join, w.launch}
	if largest {
		steps = append(steps, w.place, w.describe, w.restart)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return w.size, nil
}

func (w *world) join(ctx context.Context) error {
	began := time.Now()
	if _, err := w.fleet.Add(ctx, w.size.Instances); err != nil {
		return err
	}
	w.size.JoinSeconds, w.size.JoinCPU = time.Since(began).Seconds(), processor(w.cmd.Process.Pid).Seconds()
	var err error
	w.size.IdleHeapMiB, err = w.heap(ctx)
	w.size.IdleMiB = resident(w.cmd.Process.Pid)
	say("%d instances joined in %.1f s; the control plane takes %.0f MiB", w.size.Instances, w.size.JoinSeconds, w.size.IdleMiB)
	return err
}

func (w *world) launch(ctx context.Context) error {
	alone, err := launchUntil(ctx, w.client, w.watch, 1, 500, 10*time.Second, func(int) {})
	if err != nil {
		return err
	}
	w.size.AloneP50, w.size.AloneP99 = ms(quantile(alone.latencies, 0.5)), ms(quantile(alone.latencies, 0.99))
	profiled := w.profileLaunches(ctx)
	tasks := min(w.options.tasks, perInstance*w.size.Instances) - alone.tasks
	pid := w.cmd.Process.Pid
	before, own, next := processor(pid), processor(os.Getpid()), 0
	got, err := launchUntil(ctx, w.client, w.watch, w.launching, tasks, w.within, progress(tasks, &next))
	if err != nil {
		return err
	}
	w.size.Tasks, w.size.LaunchesPerSecond = alone.tasks+got.tasks, float64(got.tasks)/got.took.Seconds()
	w.size.P50, w.size.P99 = ms(quantile(got.latencies, 0.5)), ms(quantile(got.latencies, 0.99))
	w.size.AnswerP50, w.size.AnswerP99 = ms(quantile(got.answered, 0.5)), ms(quantile(got.answered, 0.99))
	w.size.Processors = (processor(pid) - before).Seconds() / got.took.Seconds()
	w.size.LoadProcessors = (processor(os.Getpid()) - own).Seconds() / got.took.Seconds()
	w.size.MicrosPerLaunch = (processor(pid) - before).Seconds() / float64(got.tasks) * 1e6
	w.size.LoadAverage = loadAverage()
	if err := profiled(); err != nil {
		return fmt.Errorf("write the profiles: %w", err)
	}
	if err := counted(ctx, w.client, w.size.Tasks); err != nil {
		return err
	}
	w.size.PeakMiB = peak(pid)
	w.size.HeapMiB, err = w.heap(ctx)
	w.size.MiB = resident(pid)
	say("%.0f launches/s; RUNNING after %.0f ms (p50), %.0f ms (p99); the control plane takes %.2f processors and %.0f MiB",
		w.size.LaunchesPerSecond, w.size.P50, w.size.P99, w.size.Processors, w.size.MiB)
	return err
}

// profileLaunches writes profiles of the processors of the control plane and of this process over the next five seconds, if
// profiles are wanted. What it returns waits for them and writes those of the control plane's memory.
func (w *world) profileLaunches(ctx context.Context) (finish func() error) {
	if w.options.profile == "" {
		return func() error { return nil }
	}
	name := filepath.Join(w.options.profile, fmt.Sprintf("launch-%d.", w.size.Instances))
	done := make(chan error, 1)
	go func() {
		own, err := os.Create(filepath.Join(w.options.profile, fmt.Sprintf("load-%d.cpu", w.size.Instances)))
		if err == nil {
			err = pprof.StartCPUProfile(own)
		}
		err = errors.Join(err, w.plane.profile(ctx, "profile?seconds=5", name+"cpu"))
		pprof.StopCPUProfile()
		done <- errors.Join(err, own.Close())
	}()
	return func() error {
		return errors.Join(<-done, w.plane.profile(ctx, "allocs", name+"allocs"), w.plane.profile(ctx, "heap?gc=1", name+"heap"))
	}
}

// progress says how far launches are, at every quarter.
func progress(tasks int, next *int) func(done int) {
	return func(done int) {
		if quarter := 4 * done / max(tasks, 1); quarter > *next && quarter < 4 {
			*next = quarter
			say("%d of %d tasks run", done, tasks)
		}
	}
}

// place measures single RunTasks while nothing else is asked for.
func (w *world) place(ctx context.Context) error {
	var times []time.Duration
	for range 200 {
		began := time.Now()
		if _, err := client.Call(ctx, w.client, runTask, &ecs.RunTaskRequest{Cluster: cluster, TaskDefinition: family}); err != nil {
			return err
		}
		times = append(times, time.Since(began))
	}
	w.size.RunTaskP50 = ms(quantile(times, 0.5))
	w.size.Tasks += len(times)
	return nil
}

const (
	connections = 16
	window      = 2 * time.Second
)

// describe compares DescribeTasks, of a different task on every connection, with the least that a signed JSON API can do.
func (w *world) describe(ctx context.Context) error {
	arns, err := someTasks(ctx, w.client)
	if err != nil {
		return err
	}
	ask := func(arn string) ecs.DescribeTasksRequest {
		return ecs.DescribeTasksRequest{Cluster: cluster, Tasks: []string{arn}}
	}
	in := ask(arns[0])
	answer, err := client.Call(ctx, w.client, ecs.DescribeTasks, &in)
	if err != nil {
		return err
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	credentials, err := w.client.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	lowest, err := begin(floorRole, credentials.SecretAccessKey, base64.StdEncoding.EncodeToString(text))
	if err != nil {
		return err
	}
	defer lowest.end()
	var requests [][]byte
	for i := range connections {
		request, err := load.Signed(ctx, w.client, ecs.DescribeTasks, ask(arns[i%len(arns)]))
		if err != nil {
			return err
		}
		requests = append(requests, request)
	}
	var rates, floors []float64
	for range 3 {
		for endpoint, to := range map[string]*[]float64{w.endpoint: &rates, lowest.said[0]: &floors} {
			rate, err := load.Rate(endpoint, requests, window)
			if err != nil {
				return err
			}
			*to = append(*to, rate)
		}
	}
	slices.Sort(rates)
	slices.Sort(floors)
	w.size.DescribePerSecond, w.size.FloorPerSecond = rates[1], floors[1]
	say("DescribeTasks: %.0f requests/s beside %.0f of the floor", rates[1], floors[1])
	return nil
}

// restart kills the control plane and measures how soon another one answers, places, and has its fleet again.
func (w *world) restart(ctx context.Context) (err error) {
	arns, err := someTasks(ctx, w.client)
	if err != nil {
		return err
	}
	address := w.endpoint[len("http://"):]
	w.kill()
	began := time.Now()
	if w.plane, err = startPlane(w.dir, address); err != nil {
		return err
	}
	if w.options.profile != "" {
		profiled := make(chan error, 1)
		go func() {
			profiled <- w.plane.profile(ctx, "profile?seconds=5", filepath.Join(w.options.profile, "restart.cpu"))
		}()
		defer func() { err = errors.Join(err, <-profiled) }()
	}
	out, err := client.Call(ctx, w.client, ecs.DescribeTasks, &ecs.DescribeTasksRequest{Cluster: cluster, Tasks: arns})
	if err != nil || len(out.Tasks) != len(arns) {
		return fmt.Errorf("after the restart %d tasks of %d are there: %w", len(out.Tasks), len(arns), err)
	}
	w.size.RestartAnswers, w.size.RestartAnswersCPU = time.Since(began).Seconds(), processor(w.cmd.Process.Pid).Seconds()
	if _, _, err := launchTen(ctx, w.client, w.watch); err != nil {
		return fmt.Errorf("after the restart: %w", err)
	}
	w.size.RestartPlaces = time.Since(began).Seconds()
	if err := w.awaitFleet(ctx); err != nil {
		return err
	}
	w.size.RestartComplete, w.size.RestartCPU = time.Since(began).Seconds(), processor(w.cmd.Process.Pid).Seconds()
	say("after SIGKILL it answers in %.1f s, has launched again in %.1f s, and has its fleet back in %.1f s",
		w.size.RestartAnswers, w.size.RestartPlaces, w.size.RestartComplete)
	return counted(ctx, w.client, w.size.Tasks+10)
}

// awaitFleet returns once every instance is connected.
func (w *world) awaitFleet(ctx context.Context) error {
	for began := time.Now(); ; {
		connected, err := w.connected(ctx)
		if err != nil || connected == w.size.Instances {
			return err
		}
		if time.Since(began) > time.Minute {
			return fmt.Errorf("%d of %d agents came back within a minute", connected, w.size.Instances)
		}
		select {
		case <-time.After(250 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (w *world) connected(ctx context.Context) (int, error) {
	connected := 0
	agents := w.fleet.Agents()
	for part := range slices.Chunk(agents, 100) {
		var arns []string
		for _, a := range part {
			arns = append(arns, a.Instance())
		}
		out, err := client.Call(ctx, w.client, ecs.DescribeContainerInstances, &ecs.DescribeContainerInstancesRequest{Cluster: cluster, ContainerInstances: arns})
		if err != nil {
			return 0, err
		}
		for _, i := range out.ContainerInstances {
			if i.AgentConnected {
				connected++
			}
		}
	}
	return connected, nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
