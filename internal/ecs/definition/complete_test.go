package definition

import (
	"reflect"
	"slices"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	api "github.com/berth-dev/berth/api/ecs"
)

// read is a request as a client writes it.
func read(t testing.TB, text string) *request {
	t.Helper()
	var r request
	if err := json.Unmarshal([]byte(text), &r, json.RejectUnknownMembers(true)); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return &r
}

// valid is a request that may be registered.
func valid(t testing.TB, text string) *request {
	t.Helper()
	r := read(t, text)
	if err := Validate(r); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return r
}

// again is what a tool registers that has read a description, changed nothing and ignored what it does not know.
func again(t testing.TB, d api.TaskDefinition) *request {
	t.Helper()
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var r request
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

func TestDefaultsAreThoseOfECS(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"in network mode awsvpc ports are their own host ports",
			`{"family": "f", "networkMode": "awsvpc", "memory": "512", "containerDefinitions": [{"name": "a", "image": "i", "portMappings": [{"containerPort": 80}, {"containerPortRange": "90-99", "protocol": "udp"}]}]}`,
			`{"containerDefinitions": [{"name": "a", "image": "i", "cpu": 0, "essential": true, "environment": [], "mountPoints": [], "volumesFrom": [], "systemControls": [],
				"portMappings": [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}, {"containerPortRange": "90-99", "protocol": "udp"}]}],
			  "family": "f", "networkMode": "awsvpc", "memory": "512", "volumes": [], "placementConstraints": [], "enableFaultInjection": false, "revision": 0}`},
		{"on a bridge the host port is the host's to choose",
			`{"family": "f", "containerDefinitions": [{"name": "a", "image": "i", "memory": 64, "portMappings": [{"containerPort": 80}]}]}`,
			`{"containerDefinitions": [{"name": "a", "image": "i", "cpu": 0, "memory": 64, "essential": true, "environment": [], "mountPoints": [], "volumesFrom": [], "systemControls": [],
				"portMappings": [{"containerPort": 80, "hostPort": 0, "protocol": "tcp"}]}],
			  "family": "f", "volumes": [], "placementConstraints": [], "enableFaultInjection": false, "revision": 0}`},
		{"health checks have times, tasks one form of their size",
			`{"family": "f", "cpu": ".5 vCPU", "memory": "1GB", "requiresCompatibilities": ["EC2"], "enableFaultInjection": false, "containerDefinitions": [{"name": "a", "image": "i", "essential": true, "cpu": 10, "healthCheck": {"command": ["CMD", "true"], "retries": 2}}]}`,
			`{"containerDefinitions": [{"name": "a", "image": "i", "cpu": 10, "essential": true, "environment": [], "mountPoints": [], "volumesFrom": [], "systemControls": [], "portMappings": [],
				"healthCheck": {"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 2}}],
			  "family": "f", "cpu": "512", "memory": "1024", "requiresCompatibilities": ["EC2"], "volumes": [], "placementConstraints": [], "enableFaultInjection": false, "revision": 0}`},
	} {
		r := valid(t, c.in)
		before := *read(t, c.in)
		d := Complete(r)
		if !reflect.DeepEqual(*r, before) {
			t.Errorf("%s: the request was changed: %+v", c.name, r)
		}
		d.Compatibilities, d.RequiresAttributes = nil, nil
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		have, want := jsontext.Value(text), jsontext.Value(c.want)
		if err := have.Canonicalize(); err != nil {
			t.Fatal(err)
		}
		if err := want.Canonicalize(); err != nil {
			t.Fatal(err)
		}
		if string(have) != string(want) {
			t.Errorf("%s:\n have %s\n want %s", c.name, have, want)
		}
	}
}

func TestCompatibilities(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want []api.Compatibility
	}{
		"a bridge": {`{"family": "f", "containerDefinitions": [{"name": "a", "image": "i", "memory": 64}]}`, []api.Compatibility{"EXTERNAL", "EC2"}},
		"a network of the task's, without a size": {`{"family": "f", "networkMode": "awsvpc", "containerDefinitions": [{"name": "a", "image": "i", "memory": 64}]}`,
			[]api.Compatibility{"EC2", "MANAGED_INSTANCES"}},
		"a size that Fargate has": {`{"family": "f", "networkMode": "awsvpc", "cpu": "256", "memory": "512", "containerDefinitions": [{"name": "a", "image": "i"}]}`,
			[]api.Compatibility{"EC2", "FARGATE", "MANAGED_INSTANCES"}},
		"a size that it has not": {`{"family": "f", "networkMode": "awsvpc", "cpu": "512", "memory": "717", "containerDefinitions": [{"name": "a", "image": "i"}]}`,
			[]api.Compatibility{"EC2", "MANAGED_INSTANCES"}},
		"a privileged container": {`{"family": "f", "networkMode": "awsvpc", "cpu": "256", "memory": "512", "containerDefinitions": [{"name": "a", "image": "i", "privileged": true}]}`,
			[]api.Compatibility{"EC2", "MANAGED_INSTANCES"}},
		"Windows": {`{"family": "f", "networkMode": "awsvpc", "cpu": "1024", "memory": "2048", "runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}, "containerDefinitions": [{"name": "a", "image": "i"}]}`,
			[]api.Compatibility{"EC2", "FARGATE"}},
		"the host's network": {`{"family": "f", "networkMode": "host", "containerDefinitions": [{"name": "a", "image": "i", "memory": 64, "logConfiguration": {"logDriver": "gelf"}}]}`,
			[]api.Compatibility{"EXTERNAL", "EC2"}},
	} {
		if have := Complete(valid(t, c.in)).Compatibilities; !slices.Equal(have, c.want) {
			t.Errorf("%s is for %v, want %v", name, have, c.want)
		}
	}
}

func TestAttributesThatAnInstanceMustHave(t *testing.T) {
	const (
		one   = `{"family": "f", "executionRoleArn": "exec", "taskRoleArn": "task", "containerDefinitions": [{"name": "a", "image": "i", "memory": 64`
		image = `{"family": "f", "networkMode": "awsvpc", "executionRoleArn": "exec", "containerDefinitions": [{"name": "a", "image": "1.dkr.ecr.us-east-1.amazonaws.com/i", "memory": 64}]}`
	)
	for in, want := range map[string][]string{
		one + `}]}`:                          {"com.amazonaws.ecs.capability.docker-remote-api.1.18", "com.amazonaws.ecs.capability.task-iam-role"},
		one + `}], "networkMode": "host"}`:   {"com.amazonaws.ecs.capability.task-iam-role-network-host"},
		one + `}], "networkMode": "awsvpc"}`: {"ecs.capability.task-eni", "com.amazonaws.ecs.capability.task-iam-role"},
		image:                                {"com.amazonaws.ecs.capability.ecr-auth", "ecs.capability.execution-role-ecr-pull"},
		one + `, "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-region": "r"}}}]}`: {
			"com.amazonaws.ecs.capability.logging-driver.awslogs", "ecs.capability.execution-role-awslogs", "com.amazonaws.ecs.capability.docker-remote-api.1.19"},
		one + `, "secrets": [{"name": "A", "valueFrom": "arn:aws:secretsmanager:us-east-1:000000000000:secret:s"}, {"name": "B", "valueFrom": "p"}]}]}`: {
			"ecs.capability.secrets.asm.environment-variables", "ecs.capability.secrets.ssm.environment-variables"},
		one + `, "healthCheck": {"command": ["CMD", "true"], "startPeriod": 5}}]}`: {
			"ecs.capability.container-health-check", "com.amazonaws.ecs.capability.docker-remote-api.1.29"},
		one + `, "stopTimeout": 5, "privileged": true, "memoryReservation": 32}]}`: {
			"ecs.capability.container-ordering", "com.amazonaws.ecs.capability.privileged-container", "com.amazonaws.ecs.capability.docker-remote-api.1.21"},
		one + `, "environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::b/k.env"}], "restartPolicy": {"enabled": true}}], "pidMode": "host"}`: {
			"ecs.capability.env-files.s3", "ecs.capability.container-restart-policy", "ecs.capability.pid-ipc-namespace-sharing"},
		one + `}], "volumes": [{"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-1", "authorizationConfig": {}}}, {"name": "d", "dockerVolumeConfiguration": {"driver": "x"}}]}`: {
			"ecs.capability.efs", "ecs.capability.efsAuth", "ecs.capability.docker-plugin.x"},
		one + `, "firelensConfiguration": {"type": "fluentbit", "options": {"config-file-type": "file", "config-file-value": "/f"}}}]}`: {
			"ecs.capability.firelens.fluentbit", "ecs.capability.firelens.options.config.file"},
	} {
		var have []string
		for _, a := range Complete(valid(t, in)).RequiresAttributes {
			have = append(have, a.Name)
		}
		if !slices.IsSorted(have) || len(slices.Compact(slices.Clone(have))) != len(have) {
			t.Errorf("%s needs %v: not in order, or twice", in, have)
		}
		for _, name := range want {
			if !slices.Contains(have, name) {
				t.Errorf("%s needs %v, not %s", in, have, name)
			}
		}
	}
}

// What registering costs before anything is stored.
func BenchmarkRegister(b *testing.B) {
	r := valid(b, `{"family": "f", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512", "executionRoleArn": "exec", "taskRoleArn": "task",
		"containerDefinitions": [{"name": "web", "image": "i", "portMappings": [{"containerPort": 80, "name": "web"}], "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
			"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-region": "r", "awslogs-stream-prefix": "p"}}},
			{"name": "side", "image": "i", "essential": false, "command": ["sleep", "60"]}]}`)
	for b.Loop() {
		if err := Validate(r); err != nil {
			b.Fatal(err)
		}
		Complete(r)
	}
}
