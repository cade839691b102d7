package metadata

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	detector "go.opentelemetry.io/contrib/detectors/aws/ecs"

	"github.com/berth-dev/berth/api/acs"
)

// What programs in containers read the endpoint with.

func TestTheSDKFindsTheTasksCredentials(t *testing.T) {
	s := serve(t, Task{ID: taskID, HasRole: true})
	s.keyring.Set(taskID, acs.RoleTypeTaskApplication, &roleCredentials)
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", "/nowhere")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
	for _, path := range []string{"/v2/credentials/cid-task", "/v1/credentials?id=cid-task"} {
		t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", s.base+path)
		cfg, err := config.LoadDefaultConfig(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, err := cfg.Credentials.Retrieve(t.Context())
		if err != nil || got.AccessKeyID != roleCredentials.AccessKeyId || got.SessionToken != roleCredentials.SessionToken || !got.CanExpire {
			t.Errorf("%s: %+v, %v", path, got, err)
		}
	}
}

func TestOpenTelemetryFindsWhereItRuns(t *testing.T) {
	d := trio()
	for i := range d.Containers {
		c := &d.Containers[i]
		c.ContainerARN, c.LogDriver = "arn:aws:ecs:us-east-1:123456789012:container/default/"+taskID+"/1", "awslogs"
		c.LogOptions = map[string]string{"awslogs-group": "/app", "awslogs-region": "us-east-1", "awslogs-stream": "s/web/" + taskID}
	}
	s := serve(t, Task{ID: taskID, Describe: func() Description { return d }})
	t.Setenv("ECS_CONTAINER_METADATA_URI", s.base+"/v3/web-1")
	t.Setenv("ECS_CONTAINER_METADATA_URI_V4", s.base+"/v4/web-1")
	found, err := detector.NewResourceDetector().Detect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, a := range found.Attributes() {
		got[string(a.Key)] = a.Value.String()
	}
	for key, want := range map[string]string{
		"cloud.region": "us-east-1", "cloud.account.id": "123456789012", "cloud.availability_zone": "us-east-1a", "aws.ecs.task.arn": trioARN,
		"aws.ecs.task.family": "trio", "aws.ecs.task.revision": "7", "aws.ecs.launchtype": "external", "aws.ecs.container.arn": d.Containers[0].ContainerARN,
		"aws.ecs.cluster.arn": "arn:aws:ecs:us-east-1:123456789012:cluster/default", "aws.log.stream.names": `["s/web/` + taskID + `"]`,
	} {
		if got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
}
