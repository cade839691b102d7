package dispatch

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
)

var update = flag.Bool("update", false, "write the golden files anew")

func ptr[T any](v T) *T { return &v }

// The task that Amazon's agent was given in the recording, from the definition that it would come of.
func TestATaskIsToldAsInTheRecording(t *testing.T) {
	busybox := func(name string, command ...string) api.ContainerDefinition {
		return api.ContainerDefinition{Name: name, Image: "busybox:local", Command: command, Cpu: 64, Memory: ptr[int32](64),
			Environment: []api.KeyValuePair{{Name: "STAGE", Value: "prod"}}}
	}
	def := &api.TaskDefinition{ContainerDefinitions: []api.ContainerDefinition{
		busybox("init", "/bin/busybox", "false"),
		busybox("db", "/bin/busybox", "sh", "-c", "/bin/busybox sleep 3; /bin/busybox touch /ok; /bin/busybox sleep 3600"),
		busybox("web", "/bin/busybox", "sh", "-c", "echo up; /bin/busybox sleep 3600"),
	}}
	def.ContainerDefinitions[0].Essential = ptr(false)
	def.ContainerDefinitions[1].HealthCheck = &api.HealthCheck{Command: []string{"CMD-SHELL", "/bin/busybox test -f /ok"}, Interval: ptr[int32](5), Timeout: ptr[int32](2)}
	def.ContainerDefinitions[2].DependsOn = []api.ContainerDependency{{ContainerName: "init", Condition: "SUCCESS"}, {ContainerName: "db", Condition: "HEALTHY"}}
	def.ContainerDefinitions[2].PortMappings = []api.PortMapping{{ContainerPort: ptr[int32](8080), HostPort: ptr[int32](0)}}
	stage := []api.KeyValuePair{{Name: "STAGE", Value: "dev"}}
	row := taskRow{Scope: scope, ID: id('a'), Value: &ecs.Task{
		ID: id('a'), Cluster: "default", Definition: trio, LaunchType: "EXTERNAL", CPULimit: 256, MemoryLimit: 256,
		Overrides: api.TaskOverride{ContainerOverrides: []api.ContainerOverride{
			{Name: "init", Command: []string{"/bin/busybox", "true"}, Environment: stage}, {Name: "db", Environment: stage}, {Name: "web", Environment: stage},
		}},
	}}

	f, err := decodeFrame(recorded(t, "full-life-cycle.log", "ACS->")[0])
	if err != nil {
		t.Fatal(err)
	}
	var told struct{ Tasks []jsontext.Value }
	if err := json.Unmarshal(f.Message, &told, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatal(err)
	}
	want := members(t, told.Tasks[0])
	built := build(row, def, 0, "1.21")
	if built.TaskDefinitionAccountId != scope.Account {
		t.Errorf("account %q", built.TaskDefinitionAccountId)
	}
	built.TaskDefinitionAccountId = ""
	text, err := json.Marshal(built)
	if err != nil {
		t.Fatal(err)
	}
	got := members(t, text)
	for _, credentials := range []string{"roleCredentials", "executionRoleCredentials"} {
		delete(want, credentials)
	}
	for name := range want {
		if got, want := pretty(t, got[name]), pretty(t, want[name]); got != want {
			t.Errorf("%s: got %s\nwant %s", name, got, want)
		}
		delete(got, name)
	}
	for name := range got {
		t.Errorf("%s is not in the recording", name)
	}
}

func members(t *testing.T, text []byte) (m map[string]any) {
	t.Helper()
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	open(t, m)
	return m
}

// open turns the JSON within strings of dockerConfig into values: its spacing says nothing.
func open(t *testing.T, task map[string]any) {
	t.Helper()
	for _, c := range task["containers"].([]any) {
		docker := c.(map[string]any)["dockerConfig"].(map[string]any)
		for _, name := range []string{"config", "hostConfig"} {
			var v any
			if err := json.Unmarshal([]byte(docker[name].(string)), &v); err != nil {
				t.Fatal(err)
			}
			docker[name] = v
		}
	}
}

func pretty(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Everything that a definition can say that an agent is told, in testdata/task.json.
func TestATaskIsToldInFull(t *testing.T) {
	def := &api.TaskDefinition{
		PidMode: "task", IpcMode: "none", EnableFaultInjection: ptr(true),
		ProxyConfiguration: &api.ProxyConfiguration{Type: "APPMESH", ContainerName: "envoy", Properties: []api.KeyValuePair{{Name: "AppPorts", Value: "80"}}},
		Volumes: []api.Volume{
			{Name: "scratch"},
			{Name: "etc", Host: &api.HostVolumeProperties{SourcePath: "/etc"}},
			{Name: "named", DockerVolumeConfiguration: &api.DockerVolumeConfiguration{Scope: "shared", Autoprovision: ptr(true), Driver: "local"}},
			{Name: "files", EfsVolumeConfiguration: &api.EFSVolumeConfiguration{FileSystemId: "fs-1", RootDirectory: "/", TransitEncryption: "ENABLED",
				AuthorizationConfig: &api.EFSAuthorizationConfig{AccessPointId: "fsap-1", Iam: "ENABLED"}}},
		},
		ContainerDefinitions: []api.ContainerDefinition{{
			Name: "web", Image: "team/web:v1", EntryPoint: []string{"/run"}, Cpu: 10, MemoryReservation: ptr[int32](64), Memory: ptr[int32](128),
			Hostname: "web", User: "1000:1000", WorkingDirectory: "/srv", Privileged: ptr(true), ReadonlyRootFilesystem: ptr(true),
			Interactive: ptr(true), PseudoTerminal: ptr(true), DockerLabels: map[string]string{"team": "a"},
			DnsServers: []string{"10.0.0.2"}, DnsSearchDomains: []string{"corp"}, ExtraHosts: []api.HostEntry{{Hostname: "db", IpAddress: "10.0.0.9"}},
			DockerSecurityOptions: []string{"no-new-privileges"}, Ulimits: []api.Ulimit{{Name: "nofile", SoftLimit: 1024, HardLimit: 4096}},
			SystemControls: []api.SystemControl{{Namespace: "net.core.somaxconn", Value: "1024"}},
			LinuxParameters: &api.LinuxParameters{
				Capabilities: &api.KernelCapabilities{Add: []string{"NET_ADMIN"}, Drop: []string{"MKNOD"}}, InitProcessEnabled: ptr(true),
				SharedMemorySize: ptr[int32](64), MaxSwap: ptr[int32](32), Swappiness: ptr[int32](0),
				Devices: []api.Device{{HostPath: "/dev/fuse"}, {HostPath: "/dev/a", ContainerPath: "/dev/b", Permissions: []api.DeviceCgroupPermission{"read", "write"}}},
				Tmpfs:   []api.Tmpfs{{ContainerPath: "/tmp", Size: 16, MountOptions: []string{"noexec", "nosuid"}}},
			},
			HealthCheck:      &api.HealthCheck{Command: []string{"CMD", "/hello", "health"}, StartPeriod: ptr[int32](10)},
			LogConfiguration: &api.LogConfiguration{LogDriver: "awslogs", Options: map[string]string{"awslogs-group": "g", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"}, SecretOptions: []api.Secret{{Name: "token", ValueFrom: "token"}}},
			Secrets: []api.Secret{
				{Name: "A", ValueFrom: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-abcdef:k::"},
				{Name: "B", ValueFrom: "arn:aws:ssm:us-east-1:123456789012:parameter/db"},
			},
			EnvironmentFiles:      []api.EnvironmentFile{{Type: "s3", Value: "arn:aws:s3:::bucket/a.env"}},
			MountPoints:           []api.MountPoint{{SourceVolume: "etc", ContainerPath: "/host", ReadOnly: ptr(true)}},
			VolumesFrom:           []api.VolumeFrom{{SourceContainer: "data"}},
			PortMappings:          []api.PortMapping{{ContainerPort: ptr[int32](53), Protocol: "udp"}, {ContainerPortRange: "8000-8010"}},
			StartTimeout:          ptr[int32](60),
			StopTimeout:           ptr[int32](20),
			RestartPolicy:         &api.ContainerRestartPolicy{Enabled: ptr(true), IgnoredExitCodes: []int32{0}, RestartAttemptPeriod: ptr[int32](60)},
			RepositoryCredentials: &api.RepositoryCredentials{CredentialsParameter: "arn:aws:secretsmanager:us-east-1:123456789012:secret:login"},
			FirelensConfiguration: &api.FirelensConfiguration{Type: "fluentbit", Options: map[string]string{"enable-ecs-log-metadata": "true"}},
		}},
	}
	row := taskRow{Scope: scope, ID: id('a'), Value: &ecs.Task{
		ID: id('a'), Cluster: "prod", Definition: trio, LaunchType: "FARGATE", NetworkMode: "awsvpc", Group: "service:web", Zone: "us-east-1a",
		CPULimit: 512, MemoryLimit: 1024, ExecutionRole: "arn:aws:iam::123456789012:role/exec",
		Containers: []ecs.Container{{ID: "11111111-1111-1111-1111-111111111111", Name: "web"}},
		Attachments: []ecs.Attachment{{ID: "22222222-2222-2222-2222-222222222222", Interface: ecs.Interface{
			ID: "eni-1", VPC: "vpc-1", VPCCIDR: "172.31.0.0/16", MAC: "02:00:00:00:00:01", Address: "172.31.0.10", CIDR: "172.31.0.0/20", Gateway: "172.31.0.1",
			DNS: []string{"172.31.0.2"}, PrivateDNSName: "ip-172-31-0-10.ec2.internal"}}},
		Overrides: api.TaskOverride{ContainerOverrides: []api.ContainerOverride{{Name: "web", Command: []string{"--now"}, Memory: ptr[int32](256), MemoryReservation: ptr[int32](96), Cpu: ptr[int32](20)}}},
	}}
	got := pretty(t, build(row, def, 0, dockerAPI([]api.Attribute{{Name: "com.amazonaws.ecs.capability.docker-remote-api.1.9"}, {Name: "com.amazonaws.ecs.capability.docker-remote-api.1.32"}})))
	path := filepath.Join("testdata", "task.json")
	if *update {
		if err := os.WriteFile(path, []byte(got+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got+"\n" != string(want) {
		t.Errorf("the task differs from %s; -update writes it anew:\n%s", path, got)
	}
	empty := build(row, &api.TaskDefinition{ContainerDefinitions: []api.ContainerDefinition{{
		Name: "db", EntryPoint: []string{}, Command: []string{}, // to Docker an empty entry point is one, and none of the image's
		LogConfiguration: &api.LogConfiguration{LogDriver: "awslogs", Options: map[string]string{"max-buffer-size": "1m"}},
	}}}, 0, "1.21").Containers[0]
	if empty.EntryPoint != nil || empty.Command != nil {
		t.Errorf("an empty entry point and command are told as %#v and %#v", empty.EntryPoint, empty.Command)
	}
	if !strings.Contains(empty.DockerConfig.HostConfig, `"mode":"non-blocking"`) {
		t.Errorf("a bound on the log buffer needs its mode: %s", empty.DockerConfig.HostConfig)
	}

	inMode := *row.Value
	inMode.LogMode = "non-blocking"
	row.Value = &inMode
	if host := build(row, def, 0, "1.21").Containers[0].DockerConfig.HostConfig; !strings.Contains(host, `"mode":"non-blocking"`) {
		t.Errorf("the account's mode is not told: %s", host)
	}

	// Berth's agent names log streams itself.
	own := build(row, def, 1, "1.21").Containers[0].DockerConfig.HostConfig
	var host struct {
		LogConfig struct{ Config map[string]string }
	}
	if err := json.Unmarshal([]byte(own), &host); err != nil || host.LogConfig.Config["awslogs-stream-prefix"] != "p" {
		t.Errorf("%v: %s", err, own)
	}
	if def.ContainerDefinitions[0].LogConfiguration.Options["awslogs-stream"] != "" {
		t.Error("the definition was changed")
	}
}

func TestATaskThatCannotBeBuiltWaits(t *testing.T) {
	w := newWorld(t)
	w.run(id('a'), func(t *ecs.Task) { t.Definition = ecs.Revision{Family: "none", Number: 1} })
	s := newSession(t.Context(), w.Dispatcher, newAgent(t), w.instance(), ecs.Agent{})
	if _, err := s.taskOf(id('a'), s.heard); err == nil {
		t.Error("built without a definition")
	}
	if _, err := s.taskOf(id('f'), s.heard); err == nil {
		t.Error("built without a record")
	}
}

// The GPUs that containers were given are told as Amazon's agent knows them.
func TestGPUsAreAssociations(t *testing.T) {
	def := &api.TaskDefinition{ContainerDefinitions: []api.ContainerDefinition{{Name: "a", Image: "i"}, {Name: "b", Image: "i"}}}
	row := taskRow{Scope: scope, ID: id('a'), Value: &ecs.Task{ID: id('a'), Cluster: "default", Definition: trio,
		Containers: []ecs.Container{{Name: "a", GPUs: []string{"GPU-1", "GPU-2"}}, {Name: "b"}}}}
	text, err := json.Marshal(build(row, def, 0, "1.21").Associations)
	if err != nil {
		t.Fatal(err)
	}
	if want := `[{"name":"GPU-1","type":"gpu","containers":["a"]},{"name":"GPU-2","type":"gpu","containers":["a"]}]`; string(text) != want {
		t.Errorf("associations %s, want %s", text, want)
	}
}
