// Package definition runs task definitions that use what a definition can say, through the real program in real
// containers, whose program prints what it sees: nothing of a definition is accepted and lost on its way down.
package definition

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/berth-dev/berth/internal/instance"
	"github.com/berth-dev/berth/internal/shim"
	"github.com/berth-dev/berth/internal/shim/cgroup"
)

func TestWhatADefinitionSaysIsWhatItsContainersSee(t *testing.T) {
	w := start(t)
	t.Run("Fargate, awsvpc", func(t *testing.T) { w.in(t).fargate() })
	t.Run("EC2, host", func(t *testing.T) { w.in(t).ec2() })
	t.Run("EC2, none", func(t *testing.T) { w.in(t).none() })
	t.Run("EC2, volumes and files", func(t *testing.T) { w.in(t).volumes() })
}

// cpuWeight is a number of CPU shares as this machine's cgroups have it; those of v2 count otherwise.
func cpuWeight(shares int) string {
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		return "*"
	}
	return strconv.Itoa(shares)
}

// dockers are what Docker gives every container.
var dockers = map[string]string{
	"Seccomp": "2", "CapEff": "00000000a80425fb", "NoNewPrivs": "0", "user": "0 0 [0]", "directory": "/",
	"write./new": "done", "write./proc/sys/kernel/hostname": "read-only file system", "write./sys/new": "read-only file system",
	"timer list": "0 <nil>", "standard input": "0 <nil>", "first process": "/main",
	"mount./dev/shm": "tmpfs rw,nosuid,nodev,noexec,relatime,size=65536k*",
}

func (w *world) fargate() {
	w.register("fargate.json")
	task := w.run(&ecs.RunTaskInput{
		TaskDefinition: aws.String("fargate"), LaunchType: types.LaunchTypeFargate, NetworkConfiguration: w.vpc, PlatformVersion: aws.String("LATEST"),
		StartedBy: aws.String("me"), Group: aws.String("us"), Count: aws.Int32(1), PropagateTags: types.PropagateTagsTaskDefinition, EnableECSManagedTags: true,
		Tags: []types.Tag{{Key: aws.String("run"), Value: aws.String("1")}},
		Overrides: &types.TaskOverride{TaskRoleArn: aws.String("arn:aws:iam::000000000000:role/other"), Cpu: aws.String("512"), Memory: aws.String("1024"),
			ContainerOverrides: []types.ContainerOverride{{Name: aws.String("set"), Command: []string{"of-the-run", "hold"}, Cpu: aws.Int32(128),
				Memory: aws.Int32(128), MemoryReservation: aws.Int32(48), Environment: []types.KeyValuePair{
					{Name: aws.String("A"), Value: aws.String("override")}, {Name: aws.String("C"), Value: aws.String("added")}}}}},
	})
	w.check("set", w.seen("see/set/"+id(task)), map[string]string{
		"args": "from-entry-point of-the-run hold", "directory": "/srv/made", "user": "1000 1001 [1001]",
		"env.A": "override", "env.B": "kept", "env.C": "added", "env.EMPTY": "", "env.AWS_EXECUTION_ENV": "AWS_ECS_FARGATE", "env.AWS_REGION": "us-east-1",
		"env.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/*", "env.AWS_ENDPOINT_URL": "http://169.254.170.2",
		"CapEff": "0000000000000000", "CapBnd": "0000000000080000", "NoNewPrivs": "0", "Seccomp": "2", "first process": "/dev/*",
		"ulimit.core": "1000 2000", "ulimit.memlock": "4096 8192",
		"cgroup.memory": strconv.Itoa(128 << 20), "cgroup.reservation": strconv.Itoa(48 << 20), "cgroup.cpu": cpuWeight(128),
		"sysctl.net.core.somaxconn": "777", "sysctl.kernel.msgmax": "9999", "sysctl.net.ipv4.ip_unprivileged_port_start": "0",
		"mount./scratch": "tmpfs rw,nosuid,nodev,noexec,noatime,size=3072k*", "write./scratch/new": "done", "write./new": "read-only file system",
		"timer list": "0 <nil>", "hostname": "ip-172-31-*", "links": "[lo *",
		"label.team": "blue", "label.com.amazonaws.ecs.container-name": "set", "metadata.name": "set", "metadata.limits": "128 128",
	})
	plain := w.seen("see/plain/" + id(task))
	w.check("plain", plain, dockers)
	w.check("plain", plain, map[string]string{"args": "hold", "links": "[lo *", "cgroup.cpu": cpuWeight(2), "sysctl.kernel.msgmax": "8192"})
	w.check("side", w.seen("see/side/"+id(task)), map[string]string{"args": "exit",
		"sysctl.kernel.msgmax": "8192", "sysctl.net.core.somaxconn": "777"}) // it starts after set: the network is the task's, the rest its own

	w.checkTask(task, map[string]string{"memory.max": strconv.Itoa(1 << 30), "cpu.max": "50000 100000"})
	if aws.ToString(task.Cpu) != "512" || aws.ToString(task.Memory) != "1024" || aws.ToString(task.PlatformVersion) != "1.4.0" ||
		aws.ToString(task.StartedBy) != "me" || aws.ToString(task.Group) != "us" {
		w.t.Errorf("the task is %+v", task)
	}
	tags := map[string]string{}
	for _, tag := range task.Tags {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	if len(tags) != 3 || tags["team"] != "blue" || tags["run"] != "1" || tags["aws:ecs:clusterName"] != "default" {
		w.t.Errorf("tags %v", tags)
	}
	task = w.stop(task)
	for name, code := range map[string]int32{"set": 0, "plain": 0, "side": 3} {
		if c := container(task, name); c.ExitCode == nil || *c.ExitCode != code {
			w.t.Errorf("container %s ended with %v, want %d", name, c.ExitCode, code)
		}
	}
}

func (w *world) ec2() {
	w.register("ec2.json")
	task := w.run(&ecs.RunTaskInput{TaskDefinition: aws.String("ec2")})
	set := w.seen("see/set/" + id(task))
	w.check("set", set, map[string]string{
		"hostname": "named named", "NoNewPrivs": "1", "Seccomp": "2", "CapEff": "00000000a00435fb", "env.AWS_EXECUTION_ENV": "AWS_ECS_EC2",
		"mount./dev/shm": "tmpfs rw,nosuid,nodev,noexec,relatime,size=5120k*", "device.read/dev/see": "operation not permitted", "device.write/dev/see": "done",
		"cgroup.memory": strconv.Itoa(64 << 20), "env.AWS_ENDPOINT_URL": "http://127.0.0.1:*",
	})
	w.check("privileged", w.seen("see/privileged/"+id(task)), map[string]string{
		"Seccomp": "0", "write./proc/sys/kernel/hostname": "*", "cgroup.reservation": strconv.Itoa(32 << 20), "links": "[lo *",
	})
	for _, b := range container(task, "set").NetworkBindings {
		if aws.ToInt32(b.ContainerPort) != 28080 || aws.ToInt32(b.HostPort) != 28080 || b.Protocol != types.TransportProtocolUdp {
			w.t.Errorf("bound as %+v", b)
		}
	}
	w.stop(task)
}

func (w *world) volumes() {
	w.register("volumes.json")
	task := w.run(&ecs.RunTaskInput{TaskDefinition: aws.String("volumes")})
	w.check("set", w.seen("see/set/"+id(task)), map[string]string{
		"hostname": "named named", "write./new": "read-only file system", "write./scratch/new": "done", "write./shared/new": "read-only file system",
		"last./etc/hosts": "192.0.2.9\tdatabase", "last./etc/resolv.conf": "search see.example",
	})
	w.check("from", w.seen("see/from/"+id(task)), map[string]string{
		"write./new": "done", "write./scratch/new": "read-only file system", "write./shared/new": "read-only file system",
	})
	if _, err := w.Try("volume", "rm", "shared"); err == nil || !strings.Contains(err.Error(), "in use") {
		w.t.Errorf("a volume that a task has is removed: %v", err)
	}
	w.stop(task)
}

func (w *world) none() {
	w.register("none.json")
	task := w.run(&ecs.RunTaskInput{TaskDefinition: aws.String("none")})
	facts := w.seen("see/set/" + id(task))
	w.check("set", facts, map[string]string{"links": "[lo]", "args": "deaf"})
	if at, ok := facts["env.AWS_ENDPOINT_URL"]; ok {
		w.t.Errorf("a task without a network is told of %s", at)
	}
	w.checkTask(task, map[string]string{"memory.max": strconv.Itoa(64 << 20)})
	began := time.Now()
	task = w.stop(task)
	if c := container(task, "set"); c.ExitCode == nil || *c.ExitCode != 137 || time.Since(began) < time.Second || time.Since(began) > 5*time.Second {
		w.t.Errorf("a container that ignores SIGTERM ended with %v after %s", c.ExitCode, time.Since(began))
	}
}

// checkTask compares the limits above the containers' own, by their names in cgroups v2.
func (w *world) checkTask(task types.Task, want map[string]string) {
	w.t.Helper()
	in, err := instance.Find(w.Dir)
	if err != nil {
		w.t.Fatal(err)
	}
	tree, err := cgroup.Find()
	if err != nil {
		w.t.Fatal(err)
	}
	group := tree.Group(shim.TaskGroup(in.ID, id(task)))
	read := func(controller, file string) string {
		content, err := os.ReadFile(filepath.Join(group.Dir(controller), file))
		if err != nil {
			w.t.Error(err)
		}
		return strings.TrimSpace(string(content))
	}
	for name, value := range want {
		var got string
		switch {
		case tree.Unified():
			got = read("", name)
		case name == "memory.max":
			got = read("memory", "memory.limit_in_bytes")
		case name == "cpu.max":
			got = read("cpu", "cpu.cfs_quota_us") + " " + read("cpu", "cpu.cfs_period_us")
		}
		if got != value {
			w.t.Errorf("the task's %s is %s, want %s", name, got, value)
		}
	}
}
