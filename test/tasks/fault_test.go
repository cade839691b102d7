package tasks

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/berth-dev/berth/test/berthtest"
)

// faults has containers go wrong in each way, side by side.
func (w *world) faults() {
	for name, fault := range map[string]func(w *world){
		"a health check that hangs":             (*world).hangs,
		"a dependency that fails":               (*world).unfulfilled,
		"a container that ignores SIGTERM":      (*world).ignores,
		"a container that runs out of memory":   (*world).runsOut,
		"a container whose disk is full":        (*world).fills,
		"a fork bomb":                           (*world).forks,
		"an image that vanishes before the run": (*world).vanishes,
		"a program that is not there":           (*world).missing,
	} {
		w.t.Run(name, func(t *testing.T) {
			t.Parallel()
			fault(w.in(t))
		})
	}
}

// hangs has a health check never come to an end: its container is unhealthy, and who waits for it to be healthy gives up.
func (w *world) hangs() {
	main, waits := container("main", "run"), container("waits", "run")
	main.HealthCheck = &types.HealthCheck{Command: []string{"CMD", "/main", "deaf"}, Interval: aws.Int32(5), Timeout: aws.Int32(2), Retries: aws.Int32(1)}
	main.StartTimeout = aws.Int32(20)
	waits.DependsOn = []types.ContainerDependency{{ContainerName: aws.String("main"), Condition: types.ContainerConditionHealthy}}
	task := w.run(w.request(onEC2(types.NetworkModeNone, main, waits)))[0]
	berthtest.Eventually(w.t, time.Minute, "main is unhealthy", func() bool {
		task = w.describe(task)
		return w.byName(task, "main").HealthStatus == types.HealthStatusUnhealthy
	})
	task = w.until("STOPPED", task)
	if text := aws.ToString(task.StoppedReason) + reasons(task); task.StopCode != types.TaskStopCodeTaskFailedToStart || !strings.Contains(text, "dependency graph: container ordering dependency [main(") || !strings.Contains(text, "has timed out.") {
		w.t.Errorf("it ended with %s: %s", task.StopCode, text)
	}
}

// unfulfilled has a container fail that another needs to succeed.
func (w *world) unfulfilled() {
	main, needed := container("main", "run"), nonEssential(container("needed", "exit", "3"))
	main.DependsOn = []types.ContainerDependency{{ContainerName: aws.String("needed"), Condition: types.ContainerConditionSuccess}}
	task := w.one(onEC2(types.NetworkModeNone, main, needed), "STOPPED")
	w.exited(task, "needed", 3)
	if text := aws.ToString(task.StoppedReason) + reasons(task); task.StopCode != types.TaskStopCodeTaskFailedToStart || !strings.Contains(text, "as dependency did not exit successfully.") {
		w.t.Errorf("it ended with %s: %s", task.StopCode, text)
	}
}

// ignores has a container not end on SIGTERM, whatever the engine.
func (w *world) ignores() {
	task := w.one(onEC2(types.NetworkModeBridge, logged(container("main", "deaf"))), "RUNNING")
	w.output(task, "main").ends("deaf")
	began := time.Now()
	task = w.stop(task)
	w.exited(task, "main", 137)
	w.ended(task, types.TaskStopCodeUserInitiated, "Task stopped by user")
	if took := time.Since(began); took < 2*time.Second || took > 20*time.Second {
		w.t.Errorf("it took %s, want a little more than the stopTimeout of 2 s", took)
	}
}

func (w *world) runsOut() {
	task := w.one(onEC2(types.NetworkModeBridge, container("main", "hog", "200")), "STOPPED")
	w.exited(task, "main", 137)
	if got := aws.ToString(w.byName(task, "main").Reason); got != "OutOfMemoryError: Container killed due to memory usage" {
		w.t.Errorf("its reason is %q", got)
	}
	w.ended(task, types.TaskStopCodeEssentialContainerExited, "Essential container in task exited")
}

// fills has a container fill its disk, which is its own to see.
func (w *world) fills() {
	c := logged(container("main", "fill", "/full/file"))
	c.LinuxParameters = &types.LinuxParameters{Tmpfs: []types.Tmpfs{{ContainerPath: aws.String("/full"), Size: 2}}}
	task := w.one(onEC2(types.NetworkModeBridge, c), "RUNNING")
	if got := w.printed(task, "main", 2); got[0] != "full: write /full/file: no space left on device" {
		w.t.Errorf("it says %q", got)
	}
	w.endsWell(task)
}

// forks has a container start processes without end, under its ulimit of them.
func (w *world) forks() {
	c := logged(container("main", "fork"))
	c.User = aws.String("47" + w.Endpoint[len(w.Endpoint)-3:]) // the kernel counts a user's processes, whoever's containers they are in
	c.Ulimits = []types.Ulimit{{Name: types.UlimitNameNproc, SoftLimit: 40, HardLimit: 40}}
	task := w.one(onEC2(types.NetworkModeBridge, c), "RUNNING")
	if got := w.printed(task, "main", 2); !slices.Contains(got, "bounded: resource temporarily unavailable") {
		w.t.Errorf("it says %q", got)
	}
	w.endsWell(task)
}

// vanishes removes an image between the registration of a definition, and a first run of it, and the next run.
func (w *world) vanishes() {
	w.Run("image", "import", berthtest.Archive(w.t, "vanishing:test", "./test/tasks/probe"))
	c := container("main", "run")
	c.Image = aws.String("vanishing:test")
	in := w.request(onEC2(types.NetworkModeNone, c))
	running := w.until("RUNNING", w.run(in)[0])
	w.stop(running)
	w.Run("image", "rm", "vanishing:test")
	task := w.until("STOPPED", w.run(in)[0])
	if text := aws.ToString(task.StoppedReason) + reasons(task); task.StopCode != types.TaskStopCodeTaskFailedToStart || !strings.Contains(text, "CannotPullContainerError") {
		w.t.Errorf("it ended with %s: %s", task.StopCode, text)
	}
}

func (w *world) missing() {
	c := container("main")
	c.EntryPoint = []string{"/nowhere"}
	task := w.one(onEC2(types.NetworkModeNone, c), "STOPPED")
	if text := aws.ToString(task.StoppedReason) + reasons(task); task.StopCode != types.TaskStopCodeTaskFailedToStart || !strings.Contains(text, "/nowhere") || !strings.Contains(text, "CannotStartContainerError") {
		w.t.Errorf("it ended with %s: %s", task.StopCode, text)
	}
}

// TestDependenciesThatCannotBe registers what AWS refuses, in its words.
func TestDependenciesThatCannotBe(t *testing.T) {
	w := start(t)
	on := func(name string, condition types.ContainerCondition) []types.ContainerDependency {
		return []types.ContainerDependency{{ContainerName: aws.String(name), Condition: condition}}
	}
	for name, c := range map[string]struct {
		one, two []types.ContainerDependency
		message  string
	}{
		"a cycle":                      {on("two", types.ContainerConditionStart), on("one", types.ContainerConditionStart), "Container dependencies should not have a cycle"},
		"itself":                       {on("one", types.ContainerConditionStart), nil, "cycle"},
		"nobody":                       {on("nobody", types.ContainerConditionStart), nil, "Cannot depend on container + 'nobody' because it does not exist"},
		"the end of what is essential": {on("two", types.ContainerConditionSuccess), nil, "essential"},
		"the health of what has none":  {on("two", types.ContainerConditionHealthy), nil, "health"},
	} {
		t.Run(name, func(t *testing.T) {
			one, two := container("one", "run"), container("two", "run")
			one.DependsOn, two.DependsOn = c.one, c.two
			d := onEC2(types.NetworkModeNone, one, two)
			d.Family = aws.String("cannot-be")
			_, err := w.ecs.RegisterTaskDefinition(t.Context(), d)
			w.in(t).wantError(err, "ClientException", c.message)
		})
	}
	if out, err := w.ecs.ListTaskDefinitions(t.Context(), &ecs.ListTaskDefinitionsInput{}); err != nil || len(out.TaskDefinitionArns) != 0 {
		t.Errorf("registered are %v, %v", out.TaskDefinitionArns, err)
	}
}
