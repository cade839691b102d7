package clients

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/test/berthtest"
)

// serviceAnswer is what the command prints of services.
type serviceAnswer struct {
	Services []struct {
		ServiceArn, Status, TaskDefinition string
		DesiredCount, RunningCount         int
		CurrentServiceDeployment           string
		Deployments                        []struct{ Id, Status, RolloutState string }
		Events                             []struct{ Message string }
		Tags                               []struct{ Key, Value string }
	}
	Failures []struct{ Arn, Reason string }
}

// checked is a task definition whose tasks tell soon that they are healthy.
const checked = `[{"name": "web", "image": "berth/hello", "portMappings": [{"containerPort": 8080}],
	"healthCheck": {"command": ["CMD", "/hello", "health"], "interval": 5, "startPeriod": 0}}]`

// A service's whole life by the aws command and its waiters.
func TestAServiceThroughTheAWSCommand(t *testing.T) {
	b := berthtest.Start(t)
	b.AWS(nil, "ecs", "create-cluster")
	b.AWS(nil, "ecs", "register-task-definition", "--family", "web", "--requires-compatibilities", "FARGATE", "--network-mode", "awsvpc",
		"--cpu", "256", "--memory", "512", "--container-definitions", checked)
	var subnets struct{ Subnets []struct{ SubnetId string } }
	b.AWS(&subnets, "ec2", "describe-subnets", "--filters", "Name=default-for-az,Values=true")
	network := "awsvpcConfiguration={subnets=[" + subnets.Subnets[0].SubnetId + "]}"
	var made struct {
		Service struct{ ServiceArn, CurrentServiceDeployment string }
	}
	b.AWS(&made, "ecs", "create-service", "--service-name", "web", "--task-definition", "web", "--desired-count", "2", "--launch-type", "FARGATE",
		"--network-configuration", network, "--enable-ecs-managed-tags", "--propagate-tags", "SERVICE", "--tags", "key=team,value=a",
		"--deployment-configuration", "deploymentCircuitBreaker={enable=true,rollback=true}")
	b.AWS(nil, "ecs", "wait", "services-stable", "--services", "web")
	describe := func() (out serviceAnswer) {
		b.AWS(&out, "ecs", "describe-services", "--services", "web", "--include", "TAGS")
		return out
	}
	if s := describe().Services[0]; s.RunningCount != 2 || len(s.Deployments) != 1 || len(s.Tags) != 1 {
		t.Errorf("a service that is stable: %+v", s)
	}
	var listed struct{ TaskArns []string }
	b.AWS(&listed, "ecs", "list-tasks", "--service-name", "web")
	var tasks struct {
		Tasks []struct {
			Group, StartedBy string
			Tags             []struct{ Key, Value string }
		}
	}
	b.AWS(&tasks, append([]string{"ecs", "describe-tasks", "--include", "TAGS", "--tasks"}, listed.TaskArns...)...)
	for _, task := range tasks.Tasks {
		if task.Group != "service:web" || !strings.HasPrefix(task.StartedBy, "ecs-svc/") || len(task.Tags) != 3 {
			t.Errorf("a task of the service: %+v", task)
		}
	}

	b.AWS(nil, "ecs", "update-service", "--service", "web", "--force-new-deployment", "--desired-count", "1")
	b.AWS(nil, "ecs", "wait", "services-stable", "--services", "web")
	var second serviceAnswer
	berthtest.Eventually(t, time.Minute, "the deployment is over", func() bool {
		second = describe()
		return second.Services[0].CurrentServiceDeployment == "" && second.Services[0].RunningCount == 1
	})
	said := func(text string) bool {
		return slices.ContainsFunc(second.Services[0].Events, func(e struct{ Message string }) bool { return strings.Contains(e.Message, text) })
	}
	for _, text := range []string{"(service web) has started 2 tasks: (task ", "deployment completed.", "(service web) has reached a steady state."} {
		if !said(text) {
			t.Errorf("no event says %q: %v", text, second.Services[0].Events)
		}
	}
	var deployments struct {
		ServiceDeployments []struct{ ServiceDeploymentArn, Status, TargetServiceRevisionArn string }
	}
	b.AWS(&deployments, "ecs", "list-service-deployments", "--service", "web")
	if len(deployments.ServiceDeployments) != 2 || deployments.ServiceDeployments[0].Status != "SUCCESSFUL" {
		t.Errorf("deployments %+v", deployments)
	}
	var revisions struct {
		ServiceRevisions []struct {
			ContainerImages []struct{ Image, ImageDigest string }
		}
	}
	b.AWS(&revisions, "ecs", "describe-service-revisions", "--service-revision-arns", deployments.ServiceDeployments[0].TargetServiceRevisionArn)
	if images := revisions.ServiceRevisions[0].ContainerImages; len(images) != 1 || !strings.HasPrefix(images[0].ImageDigest, "sha256:") {
		t.Errorf("the images of the revision: %+v", images)
	}

	if _, err := b.TryAWS("ecs", "delete-service", "--service", "web"); err == nil || !strings.Contains(err.Error(), "The service cannot be stopped while it is scaled above 0.") {
		t.Errorf("deleted above 0: %v", err)
	}
	b.AWS(nil, "ecs", "update-service", "--service", "web", "--desired-count", "0")
	b.AWS(nil, "ecs", "delete-service", "--service", "web")
	b.AWS(nil, "ecs", "wait", "services-inactive", "--services", "web")
	var services struct{ ServiceArns []string }
	if b.AWS(&services, "ecs", "list-services"); len(services.ServiceArns) != 0 {
		t.Errorf("after it was deleted, %v are listed", services.ServiceArns)
	}
}

// The later tasks of a service run what the tag of its image stood for when the first one ran; an image that no registry has is
// there under its tag alone.
func TestAServiceOfAnImportedImage(t *testing.T) {
	b := berthtest.Start(t)
	b.Run("image", "import", berthtest.Archive(t, "greeter:v1", "./cmd/hello"))
	b.AWS(nil, "ecs", "create-cluster")
	b.AWS(nil, "ecs", "register-task-definition", "--family", "greeter", "--network-mode", "bridge",
		"--container-definitions", `[{"name": "web", "image": "greeter:v1", "memory": 64}]`)
	b.AWS(nil, "ecs", "create-service", "--service-name", "greeter", "--task-definition", "greeter", "--desired-count", "1")
	b.AWS(nil, "ecs", "wait", "services-stable", "--services", "greeter")
	var service struct {
		Services []struct{ CurrentServiceRevisions []struct{ Arn string } }
	}
	b.AWS(&service, "ecs", "describe-services", "--services", "greeter")
	var revisions struct {
		ServiceRevisions []struct {
			ContainerImages []struct{ ImageDigest string }
		}
	}
	berthtest.Eventually(t, 20*time.Second, "the image is resolved", func() bool {
		b.AWS(&revisions, "ecs", "describe-service-revisions", "--service-revision-arns", service.Services[0].CurrentServiceRevisions[0].Arn)
		return len(revisions.ServiceRevisions[0].ContainerImages) == 1
	})
	tasks := func() (running []string) {
		var listed struct{ TaskArns []string }
		b.AWS(&listed, "ecs", "list-tasks", "--service-name", "greeter")
		return listed.TaskArns
	}
	first := tasks()
	b.AWS(nil, "ecs", "stop-task", "--task", first[0])
	var second taskAnswer
	berthtest.Eventually(t, time.Minute, "another task runs in its place", func() bool {
		now := tasks()
		if len(now) != 1 || now[0] == first[0] {
			return false
		}
		b.AWS(&second, "ecs", "describe-tasks", "--tasks", now[0])
		return second.Tasks[0].LastStatus == "RUNNING"
	})
	if c := second.Tasks[0].Containers[0]; c.Image != "greeter:v1" || c.ImageDigest != revisions.ServiceRevisions[0].ContainerImages[0].ImageDigest {
		t.Errorf("it runs %s, %s, not %+v", c.Image, c.ImageDigest, revisions)
	}
}
