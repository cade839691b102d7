package task

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine/fake"
	"github.com/berth-dev/berth/internal/agent/metadata"
)

// described is the task as its containers see it now.
func (a *agent) described() metadata.Description {
	a.Runner.mu.Lock()
	t := a.tasks[idA]
	a.Runner.mu.Unlock()
	return t.describe()
}

func TestATaskIsDescribedAsItIs(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		w.machine.Script("side:1", fake.Behaviour{Runs: time.Second, ExitCode: 3})
		port := int32(80)
		began := time.Now()
		if err := a.apply(payload(func(t *acs.Task) {
			t.ServiceName, t.Zone = "shop", "us-east-1a"
			t.Containers[0].PortMappings = []acs.PortMapping{{ContainerPort: &port, Protocol: "tcp"}}
			t.Containers[0].RestartPolicy, t.Containers[0].ContainerArn = nil, "arn:container/web"
		})); err != nil {
			t.Fatal(err)
		}
		after(time.Minute)
		d := a.described()
		if d.Cluster != "default" || d.TaskARN != arnA || d.KnownStatus != running || d.DesiredStatus != running || d.ServiceName != "shop" || d.VPCID != "vpc-1" ||
			d.AvailabilityZone != "us-east-1a" || *d.FaultInjectionEnabled || *d.Limits.CPU != 0.25 || *d.Limits.Memory != 256 || len(d.Containers) != 2 {
			t.Errorf("%+v", d)
		}
		if d.PullStartedAt.Before(began) || d.PullStoppedAt.Before(d.PullStartedAt) || d.PullStartedAt.Location() != time.UTC {
			t.Errorf("pulled from %s to %s", d.PullStartedAt, d.PullStoppedAt)
		}
		web, side := d.Containers[0], d.Containers[1]
		if web.ID != idA+"-0" || web.KnownStatus != running || web.ContainerARN != "arn:container/web" || web.LogDriver != "awslogs" || web.LogOptions["awslogs-group"] != "/app" || len(web.LogOptions) != 2 || web.LogOptions["awslogs-stream"] != "s/web/"+idA ||
			*web.Limits.CPU != 128 || *web.Limits.Memory != 64 || web.ExitCode != nil || web.RestartCount != nil || web.StartedAt.IsZero() {
			t.Errorf("web is %+v", web)
		}
		if want := (metadata.Port{ContainerPort: 80, HostPort: 80, Protocol: "tcp"}); len(web.Ports) != 1 || web.Ports[0] != want {
			t.Errorf("its ports are %+v", web.Ports)
		}
		if n := web.Networks[0]; n.NetworkMode != "awsvpc" || n.IPv4Addresses[0] != "172.31.0.4" || *n.AttachmentIndex != 0 || n.IPv4SubnetCIDRBlock != "172.31.0.0/20" ||
			n.SubnetGatewayIPv4Address != "172.31.0.1/20" || n.PrivateDNSName != "ip-172-31-0-4.ec2.internal" {
			t.Errorf("its network is %+v", n)
		}
		if side.KnownStatus != stopped || side.ExitCode == nil || *side.ExitCode != 3 || side.FinishedAt.IsZero() || *side.Limits.CPU != 2 || side.Limits.Memory != nil {
			t.Errorf("side is %+v", side)
		}
		m := a.Measured("default")
		if len(m) != 1 || m[0].ARN != arnA || m[0].Defined != 2 || len(m[0].Containers) != 1 || m[0].Containers[0].Name != "web" {
			t.Errorf("measured are %+v", m)
		}
		if m := a.Measured("another"); m != nil {
			t.Errorf("of another identity: %+v", m)
		}
	})
}

func TestVolumesAreToldAsDockerTellsThem(t *testing.T) {
	lived(t, func(t *testing.T, _ *world, a *agent) {
		if err := a.apply(payload(func(t *acs.Task) {
			t.Volumes = []acs.Volume{{Name: "data", Type: "host", Host: &acs.HostVolumeProperties{}}, {Name: "etc", Type: "host", Host: &acs.HostVolumeProperties{SourcePath: "/etc"}}}
			t.Containers[0].MountPoints = []acs.MountPoint{{SourceVolume: "data", ContainerPath: "/data"}, {SourceVolume: "etc", ContainerPath: "/host", ReadOnly: true}}
		})); err != nil {
			t.Fatal(err)
		}
		after(time.Minute)
		d := a.described()
		all, err := a.Engine.Volumes(t.Context())
		if err != nil || len(all) != 1 {
			t.Fatalf("the engine has %+v, %v", all, err)
		}
		want := []metadata.Volume{{Source: "/etc", Destination: "/host"}, {DockerName: all[0].Name, Source: all[0].Path, Destination: "/data"}}
		if got := d.Containers[0].Volumes; !slices.Equal(got, want) || d.Containers[1].Volumes != nil {
			t.Errorf("%+v, want %+v", got, want)
		}
	})
}

// In host mode the paths of a task's metadata begin with what no other task can guess, in every agent's life.
func TestOnlyTheTaskKnowsItsPathsWhereOthersReachItsListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start(&executioner{})
		onHost := func(t *acs.Task) { t.NetworkMode, t.ElasticNetworkInterfaces = "host", nil }
		if err := a.apply(payload(onHost)); err != nil {
			t.Fatal(err)
		}
		after(time.Second)
		_, web, _ := w.machine.Spec(idA, "web")
		id := a.described().Containers[0].ID
		if env := strings.Join(web.Config.Env, " "); !strings.Contains(env, "/v4/"+id) || !strings.Contains(env, "/api/"+id) || strings.Contains(id, idA) || len(id) < 20 {
			t.Errorf("the container is %s in %s", id, env)
		}
		a.die()
		a = w.start(&executioner{})
		after(time.Second)
		if again := a.described().Containers[0].ID; again != id {
			t.Errorf("for the next agent it is %s", again)
		}
		a.die()
		// A task that an agent began which named containers by the task's id alone keeps its names.
		if err := os.Remove(filepath.Join(w.dir, "tasks", idA, "token")); err != nil {
			t.Fatal(err)
		}
		a = w.start(&executioner{})
		after(time.Second)
		if again := a.described().Containers[0].ID; again != idA+"-0" {
			t.Errorf("without a token it is %s", again)
		}
		a.die()
	})
}
