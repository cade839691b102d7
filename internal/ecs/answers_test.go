package ecs

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	api "github.com/berth-dev/berth/api/ecs"
)

var update = flag.Bool("update", false, "write the golden files anew")

// unstable is what differs from run to run: ids and times. Each gets a name in order of its first appearance.
var unstable = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}|\bm?i-[0-9a-f]{17}|17\d{8}(\.\d+)?`)

func stable(names map[string]string, text string) string {
	return unstable.ReplaceAllStringFunc(text, func(s string) string {
		if strings.HasPrefix(s, "17") && len(s) < 20 {
			return `"<time>"`
		}
		if names[s] == "" {
			names[s] = fmt.Sprintf("<id %d>", len(names)+1)
		}
		return names[s]
	})
}

// One task's life in the answers of the API, every member of them.
func TestGoldenAnswers(t *testing.T) {
	w := newWorld(t, Config{})
	_, call := w.wire()
	var all strings.Builder
	names := map[string]string{}
	say := func(operation, body string) string {
		t.Helper()
		status, answer := call(operation, body)
		if status != 200 {
			t.Fatalf("%s %s: %d %s", operation, body, status, answer)
		}
		text := jsontext.Value(answer)
		w.ok(text.Canonicalize()) // maps come in any order
		w.ok(text.Indent(jsontext.WithIndent("  ")))
		fmt.Fprintf(&all, "== %s %s\n%s\n\n", operation, stable(names, body), stable(names, text.String()))
		return answer
	}
	say("CreateCluster", `{"tags": [{"key": "team", "value": "a"}]}`)
	say("DescribeClusters", `{"clusters": ["default", "none"], "include": ["SETTINGS", "STATISTICS", "TAGS", "ATTACHMENTS", "CONFIGURATIONS"]}`)
	w.fargate(2048, 4096)
	i := w.instance(2048, 4096)
	say("DescribeContainerInstances", `{"containerInstances": ["`+i.ID+`", "`+id32+`"]}`)
	say("RegisterTaskDefinition", `{"family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": ".25 vCPU", "memory": "0.5 GB",
		"executionRoleArn": "exec", "taskRoleArn": "arn:aws:iam::000000000000:role/task", "tags": [{"key": "kind", "value": "web"}],
		"containerDefinitions": [{"name": "web", "image": "berth/hello", "portMappings": [{"containerPort": 8080}], "environment": [{"name": "A", "value": ""}],
			"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"}}},
			{"name": "side", "image": "busybox", "essential": false, "command": ["true"], "memoryReservation": 64, "cpu": 10, "linuxParameters": {"initProcessEnabled": true}}]}`)
	answer := say("RunTask", `{"taskDefinition": "web", "launchType": "FARGATE", "startedBy": "me", "propagateTags": "TASK_DEFINITION", "enableECSManagedTags": true,
		"overrides": {"containerOverrides": [{"name": "web", "command": ["/hello"], "environment": [{"name": "B", "value": "2"}]}]}, `+awsvpc+`}`)
	id := regexp.MustCompile(`task/default/([0-9a-f]{32})`).FindStringSubmatch(answer)[1]
	task := w.task(id)
	report := func(r TaskReport) { w.ok(w.ApplyTaskReport(w.ctx, here, id, r)) }
	report(TaskReport{Status: Pending, PullStartedAt: t0, PullStoppedAt: t0, Attachments: []api.AttachmentStateChange{
		{AttachmentArn: AttachmentARN(here, task.Attachments[0].ID), Status: "ATTACHED"}}})
	report(TaskReport{Status: Running, Containers: []api.ContainerStateChange{running("web"), running("side"), stoppedWith("side", 0, "")}})
	say("DescribeTasks", `{"tasks": ["`+id+`", "`+id32+`"], "include": ["TAGS"]}`)
	say("DescribeClusters", `{"include": ["STATISTICS"]}`)
	say("StopTask", `{"task": "`+TaskARN(here, "default", id)+`", "reason": "enough"}`)
	w.ok(w.ApplyStopAcknowledged(w.ctx, here, id))
	report(TaskReport{Status: Stopped, ExecutionStoppedAt: t0, Containers: []api.ContainerStateChange{stoppedWith("web", 143, "")}})
	w.until("the task is stopped", func() bool { return w.task(id).Status == Stopped })
	say("DescribeTasks", `{"tasks": ["`+id+`"]}`)
	say("ListTasks", `{}`)
	say("ListTasks", `{"desiredStatus": "STOPPED", "family": "web"}`)
	say("DeregisterTaskDefinition", `{"taskDefinition": "web:1"}`)
	say("ListTaskDefinitionFamilies", `{}`)
	say("ListTaskDefinitions", `{}`)
	say("UpdateContainerInstancesState", `{"containerInstances": ["`+i.ID+`"], "status": "DRAINING"}`)
	say("DeregisterContainerInstance", `{"containerInstance": "`+i.ID+`"}`)
	say("DeleteCluster", `{"cluster": "default"}`)

	const file = "testdata/answers.golden"
	if *update {
		w.ok(os.WriteFile(file, []byte(all.String()), 0o644))
	}
	golden, err := os.ReadFile(file)
	w.ok(err)
	if !bytes.Equal(golden, []byte(all.String())) {
		t.Errorf("the answers differ from %s; look at `go test -run Golden -update` and git diff", file)
	}
}
