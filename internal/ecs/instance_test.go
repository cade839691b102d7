package ecs

import (
	"os"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire"
)

// registration is what Amazon's agent sends, as recorded.
func registration(t *testing.T) *api.RegisterContainerInstanceRequest {
	text, err := os.ReadFile("testdata/register-amazon-agent.json")
	if err != nil {
		t.Fatal(err)
	}
	var r api.RegisterContainerInstanceRequest
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

// The agent refuses an answer that does not echo every attribute, and takes its zone from the one that is added.
func TestRegistrationOfAmazonsAgent(t *testing.T) {
	w := newWorld(t, Config{})
	agent := as(w.ctx, wire.Agent)
	if _, err := w.RegisterContainerInstance(agent, registration(t)); code(err) != "ClusterNotFoundException" {
		t.Fatalf("without its cluster: %v", err)
	}
	w.cluster("default")
	r := registration(t)
	r.Attributes = append(r.Attributes, api.Attribute{Name: "colour", Value: "blue"})
	r.VersionInfo = &api.VersionInfo{AgentVersion: "1.99.0", AgentHash: "abc", DockerVersion: "DockerVersion: 29"}
	first := got(w.RegisterContainerInstance(agent, r))(w).ContainerInstance
	have := map[string]string{}
	for _, a := range first.Attributes {
		have[a.Name] = a.Value
	}
	for _, a := range r.Attributes {
		if v, ok := have[a.Name]; !ok || v != a.Value {
			t.Errorf("attribute %s=%s is answered as %q, %v", a.Name, a.Value, v, ok)
		}
	}
	if have["ecs.availability-zone"] != "us-east-1a" || first.Ec2InstanceId == "" || first.Status != "ACTIVE" || first.AgentConnected {
		t.Errorf("answer %+v", first)
	}
	if *first.VersionInfo != *r.VersionInfo {
		t.Errorf("registered as version %+v, shown as %+v", r.VersionInfo, first.VersionInfo)
	}
	if first.RemainingResources[1].IntegerValue != 24105 {
		t.Errorf("remaining %+v", first.RemainingResources)
	}

	again := registration(t)
	again.ContainerInstanceArn = first.ContainerInstanceArn
	second := got(w.RegisterContainerInstance(agent, again))(w).ContainerInstance
	if second.ContainerInstanceArn != first.ContainerInstanceArn || second.Version != first.Version+1 || !second.RegisteredAt.Equal(first.RegisteredAt.Time) {
		t.Errorf("registered again as %+v", second)
	}
	kept := false
	for _, a := range second.Attributes {
		kept = kept || a.Name == "colour"
	}
	if !kept {
		t.Error("a custom attribute, sent only the first time, is lost")
	}
}

// An agent goes on using the ARN it has, whatever became of the record.
func TestAnInstanceThatWasForgottenComesBack(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	r := registration(t)
	r.ContainerInstanceArn = InstanceARN(here, "default", id32)
	i := got(w.RegisterContainerInstance(as(w.ctx, wire.Agent), r))(w).ContainerInstance
	if i.ContainerInstanceArn != r.ContainerInstanceArn || i.Status != "ACTIVE" {
		t.Errorf("%+v", i)
	}
	w.deregister(&Instance{ID: id32})
	if err := w.AgentConnected(w.ctx, here, id32, "s", Agent{}); err == nil {
		t.Error("an instance that is not registered gets a session")
	}
	if i := got(w.RegisterContainerInstance(as(w.ctx, wire.Agent), r))(w).ContainerInstance; i.Status != "ACTIVE" {
		t.Errorf("%+v", i)
	}
}

func TestAnInstanceStaysItsMachines(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	agent := wire.WithCaller(w.ctx, wire.Caller{Account: here.Account, Region: here.Region, Kind: wire.Agent, Machine: "m1"})
	arn := got(w.RegisterContainerInstance(agent, &api.RegisterContainerInstanceRequest{}))(w).ContainerInstance.ContainerInstanceArn
	again := &api.RegisterContainerInstanceRequest{ContainerInstanceArn: arn}
	takenOver := func(when string) {
		if _, err := w.RegisterContainerInstance(as(w.ctx, wire.Root), again); code(err) != "ClientException" {
			t.Errorf("%s, somebody registers it without its machine: %v", when, err)
		}
		got(w.RegisterContainerInstance(agent, again))(w)
	}
	takenOver("while it is registered")
	got(w.DeregisterContainerInstance(w.ctx, &api.DeregisterContainerInstanceRequest{ContainerInstance: arn}))(w)
	takenOver("after it was deregistered")
}

func TestInstancesChangeStateTogetherAndOnce(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	id := w.instance(1024, 1024).ID
	drain := func(refs ...string) error {
		_, err := w.UpdateContainerInstancesState(w.ctx, &api.UpdateContainerInstancesStateRequest{ContainerInstances: refs, Status: "DRAINING"})
		return err
	}
	now := func() *Instance { i, _ := w.Service.instance(here, "default", id); return i }
	before := now().Version
	if err := drain(id, "short"); code(err) != "InvalidParameterException" || now().Status != instanceActive {
		t.Errorf("one of two is no id: %v, and the other is %s", err, now().Status)
	}
	w.ok(drain(id, id))
	w.ok(drain(id))
	if i := now(); i.Status != instanceDraining || i.Version != before+1 {
		t.Errorf("drained three times it is %s, of version %d; before it was %d", i.Status, i.Version, before)
	}
}

func TestAttributesThatComeTogetherAreOneChange(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	id := w.instance(1024, 1024).ID
	row, _ := w.Instances.Get(here, id)
	put := []api.Attribute{{Name: "a", Value: "1", TargetId: id}, {Name: "b", Value: "2", TargetId: id}, {Name: "c", TargetId: id}}
	got(w.PutAttributes(w.ctx, &api.PutAttributesRequest{Attributes: put}))(w)
	after, _ := w.Instances.Get(here, id)
	if after.Value.Version != row.Value.Version+1 || customAttributes(after.Value.Attributes) != 3 {
		t.Errorf("version %d after %d, attributes %v", after.Value.Version, row.Value.Version, after.Value.Attributes)
	}
}

func TestAnOlderSessionsEndIsNothingToANewer(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	i := w.instance(1024, 1024)
	w.ok(w.AgentConnected(w.ctx, here, i.ID, "newer", Agent{Version: "2"}))
	w.ok(w.AgentDisconnected(w.ctx, here, i.ID, "session"))
	out := got(w.DescribeContainerInstances(w.ctx, &api.DescribeContainerInstancesRequest{ContainerInstances: []string{i.ID}}))(w)
	if c := out.ContainerInstances[0]; !c.AgentConnected || c.VersionInfo.AgentVersion != "2" {
		t.Errorf("%+v", c)
	}
}

// An agent is told of its machine's tasks, with their credentials: it can't make itself the agent of another.
func TestAnAgentSpeaksForItsOwnMachine(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	other := w.instance(2048, 2048, "berth.machine=m2")
	w.define(hostDefinition)
	task := TaskARN(here, "default", w.run(onInstance()).ID)
	agent := as(w.ctx, wire.Agent)
	i := got(w.RegisterContainerInstance(agent, registration(t)))(w).ContainerInstance
	row, _ := w.Instances.Get(here, i.ContainerInstanceArn[strings.LastIndexByte(i.ContainerInstanceArn, '/')+1:])
	if row.Value.Machine != "m1" {
		t.Errorf("an identity that names no machine is of %q", row.Value.Machine)
	}
	foreign := registration(t)
	foreign.Attributes = append(foreign.Attributes, api.Attribute{Name: MachineAttribute, Value: "m2"})
	taken := registration(t)
	taken.ContainerInstanceArn = InstanceARN(here, "default", other.ID)
	for name, err := range map[string]error{
		"RegisterContainerInstance of another machine": second(w.RegisterContainerInstance(agent, foreign)),
		"RegisterContainerInstance as another's":       second(w.RegisterContainerInstance(agent, taken)),
		"DeregisterContainerInstance":                  second(w.DeregisterContainerInstance(agent, &api.DeregisterContainerInstanceRequest{ContainerInstance: other.ID})),
		"UpdateContainerInstancesState":                second(w.UpdateContainerInstancesState(agent, &api.UpdateContainerInstancesStateRequest{ContainerInstances: []string{other.ID}, Status: "DRAINING"})),
		"SubmitTaskStateChange":                        second(w.SubmitTaskStateChange(agent, &api.SubmitTaskStateChangeRequest{Task: task, Status: "STOPPED"})),
		"SubmitContainerStateChange":                   second(w.SubmitContainerStateChange(agent, &api.SubmitContainerStateChangeRequest{Task: task, Status: "STOPPED"})),
	} {
		if code(err) != "AccessDeniedException" {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.ok(second(w.DeregisterContainerInstance(agent, &api.DeregisterContainerInstanceRequest{ContainerInstance: i.ContainerInstanceArn})))
	w.ok(second(w.SubmitTaskStateChange(w.ctx, &api.SubmitTaskStateChangeRequest{Task: task, Status: "RUNNING"})))
}

func TestATasksCredentialsAreNoAgents(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	task := as(w.ctx, wire.Task)
	for name, err := range map[string]error{
		"RegisterContainerInstance":    second(w.RegisterContainerInstance(task, registration(t))),
		"SubmitTaskStateChange":        second(w.SubmitTaskStateChange(task, &api.SubmitTaskStateChangeRequest{Task: id32})),
		"SubmitContainerStateChange":   second(w.SubmitContainerStateChange(task, &api.SubmitContainerStateChangeRequest{Task: id32})),
		"SubmitAttachmentStateChanges": second(w.SubmitAttachmentStateChanges(task, &api.SubmitAttachmentStateChangesRequest{})),
		"DeregisterContainerInstance":  second(w.DeregisterContainerInstance(task, &api.DeregisterContainerInstanceRequest{ContainerInstance: id32})),
	} {
		if code(err) != "AccessDeniedException" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// What is not known is no error: the agent would repeat it for a day.
func TestReportsOnUnknownTasksAreTaken(t *testing.T) {
	w := newWorld(t, Config{})
	_, call := w.wire()
	for _, c := range [][2]string{
		{"SubmitTaskStateChange", `{"cluster": "gone", "task": "arn:aws:ecs:us-east-1:000000000000:task/gone/` + id32 + `", "status": "RUNNING"}`},
		{"SubmitTaskStateChange", `{}`},
		{"SubmitContainerStateChange", `{"task": "x", "containerName": "c", "status": "STOPPED"}`},
		{"SubmitAttachmentStateChanges", `{"attachments": [{"attachmentArn": "x", "status": "ATTACHED"}]}`},
	} {
		if status, answer := call(c[0], c[1]); status != 200 || !strings.Contains(answer, "acknowledgment") {
			t.Errorf("%s: %d %s", c[0], status, answer)
		}
	}
}
