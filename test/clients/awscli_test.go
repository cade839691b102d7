// Package clients runs the clients that people have, unmodified, against the real program: the aws command, boto3 and
// the Go SDK, from register-task-definition to wait tasks-stopped.
package clients

import (
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/test/berthtest"
)

func TestTheExamplesThroughTheAWSCommand(t *testing.T) {
	b := berthtest.Start(t)
	for _, example := range []string{"hello-web", "two-containers"} {
		t.Run(example, func(t *testing.T) { throughTheAWSCommand(t, b.For(t), example) })
	}
}

type taskAnswer struct {
	Tasks []struct {
		Attachments []struct {
			ID      string `json:"id"`
			Type    string
			Status  string
			Details []struct{ Name, Value string }
		}
		AvailabilityZone  string
		ClusterArn        string
		Connectivity      string
		ConnectivityAt    any
		CPU               string `json:"cpu"`
		CreatedAt         any
		DesiredStatus     string
		ExecutionStopped  any `json:"executionStoppedAt"`
		Group             string
		LastStatus        string
		LaunchType        string
		Memory            string
		PlatformVersion   string
		PullStartedAt     any
		PullStoppedAt     any
		StartedAt         any
		StartedBy         string
		StopCode          string
		StoppedAt         any
		StoppedReason     string
		StoppingAt        any
		TaskArn           string
		TaskDefinitionArn string
		Version           int
		Containers        []struct {
			ContainerArn      string
			ExitCode          *int
			Image             string
			ImageDigest       string
			LastStatus        string
			Name              string
			NetworkInterfaces []struct{ AttachmentID, PrivateIpv4Address string }
			RuntimeID         string
			TaskArn           string
		}
	}
	Failures []struct{ Arn, Reason string }
}

func throughTheAWSCommand(t *testing.T, b *berthtest.Berth, example string) {
	var registered struct {
		TaskDefinition struct {
			TaskDefinitionArn, Status string
			Revision                  int
			Compatibilities           []string
			RequiresAttributes        []struct{ Name string }
		}
	}
	b.AWS(nil, "ecs", "create-cluster", "--cluster-name", "default")
	b.AWS(&registered, "ecs", "register-task-definition", "--cli-input-json",
		"file://"+filepath.Join(berthtest.Root(t), "examples", example, "task-definition.json"))
	definition := registered.TaskDefinition
	if definition.Status != "ACTIVE" || definition.Revision != 1 || !strings.HasSuffix(definition.TaskDefinitionArn, ":task-definition/"+example+":1") {
		t.Errorf("registered %+v", definition)
	}
	if len(definition.RequiresAttributes) == 0 || len(definition.Compatibilities) == 0 {
		t.Errorf("requiresAttributes or compatibilities are missing: %+v", definition)
	}

	var subnets struct{ Subnets []struct{ SubnetId string } }
	b.AWS(&subnets, "ec2", "describe-subnets", "--filters", "Name=default-for-az,Values=true")
	var ran taskAnswer
	b.AWS(&ran, "ecs", "run-task", "--task-definition", example, "--launch-type", "FARGATE", "--started-by", "me", "--network-configuration",
		"awsvpcConfiguration={subnets=["+subnets.Subnets[0].SubnetId+"],assignPublicIp=ENABLED}")
	if len(ran.Tasks) != 1 || len(ran.Failures) != 0 {
		t.Fatalf("run-task answers %+v", ran)
	}
	arn := ran.Tasks[0].TaskArn
	b.AWS(nil, "ecs", "wait", "tasks-running", "--tasks", arn)

	var running taskAnswer
	b.AWS(&running, "ecs", "describe-tasks", "--tasks", arn)
	task := running.Tasks[0]
	if task.LastStatus != "RUNNING" || task.DesiredStatus != "RUNNING" || task.LaunchType != "FARGATE" || task.Group != "family:"+example ||
		task.Connectivity != "CONNECTED" || task.StartedBy != "me" || task.PlatformVersion == "" || task.AvailabilityZone == "" || task.Version < 1 ||
		task.CPU == "" || task.Memory == "" || task.TaskDefinitionArn != definition.TaskDefinitionArn {
		t.Errorf("a running task is described as %+v", task)
	}
	for name, at := range map[string]any{"createdAt": task.CreatedAt, "pullStartedAt": task.PullStartedAt, "pullStoppedAt": task.PullStoppedAt,
		"startedAt": task.StartedAt, "connectivityAt": task.ConnectivityAt} {
		if at == nil {
			t.Errorf("a running task has no %s", name)
		}
	}
	details := map[string]string{}
	if len(task.Attachments) != 1 || task.Attachments[0].Type != "ElasticNetworkInterface" || task.Attachments[0].Status != "ATTACHED" {
		t.Fatalf("attachments are %+v", task.Attachments)
	}
	for _, d := range task.Attachments[0].Details {
		details[d.Name] = d.Value
	}
	for _, name := range []string{"subnetId", "networkInterfaceId", "macAddress", "privateDnsName", "privateIPv4Address"} {
		if details[name] == "" {
			t.Errorf("the attachment has no %s: %v", name, details)
		}
	}
	for _, c := range task.Containers {
		if c.LastStatus != "RUNNING" || c.RuntimeID == "" || c.ImageDigest == "" || len(c.NetworkInterfaces) != 1 || c.ContainerArn == "" || c.TaskArn != arn {
			t.Errorf("a running container is described as %+v", c)
		}
	}

	var interfaces struct {
		NetworkInterfaces []struct {
			Association struct {
				PublicIP string `json:"PublicIp"`
			}
		}
	}
	b.AWS(&interfaces, "ec2", "describe-network-interfaces", "--network-interface-ids", details["networkInterfaceId"])
	page := get(t, "http://"+interfaces.NetworkInterfaces[0].Association.PublicIP+":8080/")
	if !strings.Contains(page, arn[strings.LastIndex(arn, "/")+1:]) {
		t.Errorf("the page does not say which task answers: %s", page)
	}

	var events struct {
		Events []struct{ Message, LogStreamName string }
	}
	berthtest.Eventually(t, 10*time.Second, "the request is in the log", func() bool {
		b.AWS(&events, "logs", "filter-log-events", "--log-group-name", "/ecs/"+example)
		for _, e := range events.Events {
			if strings.Contains(e.Message, `GET "/"`) {
				return true
			}
		}
		return false
	})

	b.AWS(nil, "ecs", "stop-task", "--task", arn, "--reason", "enough")
	b.AWS(nil, "ecs", "wait", "tasks-stopped", "--tasks", arn)
	var stopped taskAnswer
	b.AWS(&stopped, "ecs", "describe-tasks", "--tasks", arn)
	task = stopped.Tasks[0]
	if task.LastStatus != "STOPPED" || task.StopCode != "UserInitiated" || task.StoppedReason != "enough" || task.StoppedAt == nil ||
		task.StoppingAt == nil || task.ExecutionStopped == nil {
		t.Errorf("a stopped task is described as %+v", task)
	}
	for _, c := range task.Containers {
		if c.LastStatus != "STOPPED" || c.ExitCode == nil || *c.ExitCode != 0 {
			t.Errorf("a stopped container is described as %+v", c)
		}
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	var page string
	berthtest.Eventually(t, 10*time.Second, url+" answers", func() bool {
		answer, err := http.Get(url)
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		page = string(body)
		return err == nil && answer.StatusCode == http.StatusOK
	})
	return page
}

func TestWhatTheCommandPrintsForAMissingCluster(t *testing.T) {
	b := berthtest.Start(t)
	for _, args := range [][]string{
		{"ecs", "list-tasks", "--cluster", "nowhere"},
		{"ecs", "run-task", "--cluster", "nowhere", "--task-definition", "x"},
	} {
		if _, err := b.TryAWS(args...); err == nil || !strings.Contains(err.Error(), "(ClusterNotFoundException)") || !strings.Contains(err.Error(), "Cluster not found.") {
			t.Errorf("aws %s: %v", strings.Join(args, " "), err)
		}
	}
	if _, err := b.TryAWS("ecs", "list-daemons"); err == nil || !strings.Contains(err.Error(), "ListDaemons") {
		t.Errorf("an operation that is not built: %v, want an error that names it", err)
	}
}
