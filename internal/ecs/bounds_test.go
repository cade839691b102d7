package ecs

import (
	"fmt"
	"strings"
	"testing"

	api "github.com/berth-dev/berth/api/ecs"
)

// What nobody sends who means well is refused, or cut, before the store is asked to keep it.
func TestWhatIsTooLongIsNoInternalFailure(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.instance(4096, 8192)
	w.define(hostDefinition)
	_, call := w.wire()
	task := got(w.RunTask(w.ctx, &api.RunTaskRequest{TaskDefinition: "host"}))(w).Tasks[0].TaskArn
	long := strings.Repeat("x", 2<<20)
	bindings := strings.TrimSuffix(strings.Repeat(`{"bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 80},`, 20_000), ",")
	for _, c := range []struct {
		name, operation, body string
		status                int
	}{
		{"the key of a cluster", "UpdateCluster", `{"cluster": "default", "configuration": {"executeCommandConfiguration": {"kmsKeyId": "` + long + `"}}}`, 400},
		{"the bucket of a cluster", "CreateCluster", `{"clusterName": "c", "configuration": {"executeCommandConfiguration": {"logging": "OVERRIDE", "logConfiguration": {"s3BucketName": "` + long + `"}}}}`, 400},
		{"whose setting it is", "PutAccountSetting", `{"name": "awsvpcTrunking", "value": "enabled", "principalArn": "arn:aws:iam::000000000000:user/` + long + `"}`, 400},
		{"the ports of a container", "SubmitContainerStateChange", `{"task": "` + task + `", "containerName": "app", "status": "RUNNING", "networkBindings": [` + bindings + `]}`, 400},
		{"the end of a container", "SubmitContainerStateChange", `{"task": "` + task + `", "containerName": "app", "status": "STOPPED", "runtimeId": "` + long[:1<<20] + `", "reason": "` + long[:1<<20] + `"}`, 200},
		{"a time before all times", "SubmitTaskStateChange", `{"task": "` + task + `", "status": "RUNNING", "pullStartedAt": -253402300799}`, 400},
	} {
		if status, answer := call(c.operation, c.body); status != c.status {
			t.Errorf("%s: %d %.300s", c.name, status, answer)
		}
	}
	if status, answer := call("SubmitTaskStateChange", `{"task": "`+task+`", "status": "STOPPED", "reason": "`+"x"+strings.Repeat("é", 1<<20)+`"}`); status != 200 {
		t.Errorf("%.300s", answer)
	}
	end := w.task(lastPart(task))
	if c := end.Containers[0]; len(c.Reason) != maxReported || len(c.RuntimeID) != maxReported || end.End == nil || len(end.End.Reason) > maxReported {
		t.Errorf("%d bytes of a reason, %d of an id and %+v are kept", len(c.Reason), len(c.RuntimeID), end.End)
	}
}

func TestAnInstanceNeverHasMoreThanTenCustomAttributes(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	register := func(arn, prefix string, n int) (*api.RegisterContainerInstanceResponse, error) {
		r := &api.RegisterContainerInstanceRequest{ContainerInstanceArn: arn}
		for i := range n {
			r.Attributes = append(r.Attributes, api.Attribute{Name: fmt.Sprint(prefix, i), Value: "v"})
		}
		return w.RegisterContainerInstance(w.ctx, r)
	}
	first := got(register("", "a", 6))(w).ContainerInstance.ContainerInstanceArn
	again := got(register(first, "b", 4))(w).ContainerInstance
	if len(again.Attributes) != 6+4+1 { // and the availability zone
		t.Errorf("%+v", again.Attributes)
	}
	if _, err := register(first, "c", 1); code(err) != "InvalidParameterException" {
		t.Errorf("an eleventh custom attribute: %v", err)
	}
	got(register(first, "a", 6))(w)
}
