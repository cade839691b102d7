package tasks

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/berth-dev/berth/internal/instance"
	"github.com/berth-dev/berth/test/berthtest"
)

// TestNothingLeaks counts what is on the host before Berth starts; while it is idle, before and after tasks of every kind have
// come and gone; and after `berth clean`.
func TestNothingLeaks(t *testing.T) {
	before := berthtest.Census(t)
	w := start(t, "--docker", "none")
	in, err := instance.Find(w.Dir)
	if err != nil {
		t.Fatal(err)
	}
	now := func() []string { return append(berthtest.Census(t), berthtest.Leftovers(t, in.ID)...) }
	w.mixed() // makes what stays while Berth runs, such as the VPC and the bridge
	berthtest.Eventually(t, time.Minute, "the first tasks are cleaned up", func() bool { return len(berthtest.TaskLeftovers(t, in.ID)) == 0 })
	idle := now()
	if seen := berthtest.Difference(before, idle); len(seen) < 5 {
		t.Fatalf("of a Berth that runs only this is seen: %q", seen)
	}
	w.mixed()
	var left []string
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if left = berthtest.Difference(idle, now()); len(left) == 0 || time.Now().After(end) {
			break
		}
	}
	if len(left) > 0 {
		t.Errorf("after its tasks have stopped:\n%s", strings.Join(left, "\n"))
	}
	w.Kill()
	w.Run("clean")
	if left := berthtest.Difference(before, berthtest.Census(t)); len(left) > 0 {
		t.Errorf("after berth clean:\n%s", strings.Join(left, "\n"))
	}
	if left := berthtest.Leftovers(t, in.ID); len(left) > 0 {
		t.Errorf("after berth clean the instance has:\n%s", strings.Join(left, "\n"))
	}
}

// mixed runs tasks of every network mode, with volumes, health checks, restart policies and sessions, and of every way to end,
// has the program die among them, and stops them all.
func (w *world) mixed() {
	w.t.Helper()
	serving := func() types.ContainerDefinition { return named("main", "8080") }
	full := serving()
	full.PortMappings = []types.PortMapping{{ContainerPort: aws.Int32(8080)}, {ContainerPort: aws.Int32(8080), Protocol: types.TransportProtocolUdp}}
	full.HealthCheck = &types.HealthCheck{Command: []string{"CMD", "/main", "read", "/proc/self/status"}, Interval: aws.Int32(5)}
	full.RestartPolicy = &types.ContainerRestartPolicy{Enabled: aws.Bool(true)}
	full.MountPoints = []types.MountPoint{{SourceVolume: aws.String("own"), ContainerPath: aws.String("/own")}, {SourceVolume: aws.String("host"), ContainerPath: aws.String("/host")}}
	full.LinuxParameters = &types.LinuxParameters{InitProcessEnabled: aws.Bool(true), Tmpfs: []types.Tmpfs{{ContainerPath: aws.String("/fast"), Size: 1}}, SharedMemorySize: aws.Int32(4)}
	sidecar := nonEssential(container("sidecar", "run"))
	sidecar.DependsOn = []types.ContainerDependency{{ContainerName: aws.String("main"), Condition: types.ContainerConditionHealthy}}
	sidecar.VolumesFrom = []types.VolumeFrom{{SourceContainer: aws.String("main")}}
	bridged := onEC2(types.NetworkModeBridge, full, sidecar)
	bridged.Volumes = []types.Volume{
		{Name: aws.String("own"), DockerVolumeConfiguration: &types.DockerVolumeConfiguration{Scope: types.ScopeTask, Driver: aws.String("local")}},
		{Name: aws.String("host"), Host: &types.HostVolumeProperties{SourcePath: aws.String(w.t.TempDir())}},
	}
	shared := onEC2(types.NetworkModeNone, container("one", "run"), container("two", "run"))
	shared.PidMode, shared.IpcMode = types.PidModeTask, types.IpcModeTask
	nowhere := container("main")
	nowhere.EntryPoint = []string{"/nowhere"}
	unknown := container("main")
	unknown.Image = aws.String("127.0.0.1:1/none:1")

	var running []types.Task
	for family, d := range map[string]*ecs.RegisterTaskDefinitionInput{
		"fargate": fargate(serving(), sidecarOf()), "vpc": onEC2(types.NetworkModeAwsvpc, serving()), "bridge": bridged,
		"host": onEC2(types.NetworkModeHost, named("main", "7075")), "shared": shared,
	} {
		d.Family = aws.String(family)
		in := w.request(d)
		in.EnableExecuteCommand = true
		running = append(running, w.run(in)...)
	}
	for i, task := range running {
		running[i] = w.until("RUNNING", task)
		out, err := w.ecs.ExecuteCommand(w.t.Context(), &ecs.ExecuteCommandInput{Task: task.TaskArn, Container: running[i].Containers[0].Name,
			Command: aws.String("/main shell"), Interactive: true})
		if err != nil {
			w.t.Fatal(err)
		}
		if i%2 == 0 { // it is left with its end open
			w.sit(out.Session)
		}
	}
	var ended []types.Task
	for family, d := range map[string]*ecs.RegisterTaskDefinitionInput{
		"nowhere": onEC2(types.NetworkModeBridge, nowhere), "unknown": fargate(unknown),
		"memory": onEC2(types.NetworkModeBridge, container("main", "hog", "200")), "exits": fargate(container("main", "exit", "1")),
	} {
		d.Family = aws.String(family)
		ended = append(ended, w.run(w.request(d))...)
	}
	w.Kill()
	w.Restart()
	for _, task := range running {
		if _, err := w.ecs.StopTask(w.t.Context(), &ecs.StopTaskInput{Task: task.TaskArn}); err != nil {
			w.t.Fatal(err)
		}
	}
	for _, task := range slices.Concat(running, ended) {
		w.until("STOPPED", task)
	}
}

// sidecarOf is a container that waits for another's start.
func sidecarOf() types.ContainerDefinition {
	c := nonEssential(logged(container("sidecar", "run")))
	c.DependsOn = []types.ContainerDependency{{ContainerName: aws.String("main"), Condition: types.ContainerConditionStart}}
	return c
}
