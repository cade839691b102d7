package metadata

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"github.com/berth-dev/berth/internal/agent/stats"
	"github.com/berth-dev/berth/internal/wire/client"
)

// The files in testdata are answers of the unmodified ECS agent to a container of a task in network mode bridge. What Berth
// answers of the same task has the same members and the same values.

const (
	trioARN = "arn:aws:ecs:us-east-1:123456789012:task/default/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	webID   = "0d36e94f310fb7ef16c2d6ae4f5854e1b2d36ea20071009a3112eccbcd0a6a06"
	dbID    = "8c37317cebb6b7aa0220b51a6a541df1b02fd6e7573a89eb5b43ba1856781539"
	initID  = "25b23265db66f1764190f6ea1707f25c06dc4e8857dfdca5330b2cae6387223f"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

// trio is the recorded task.
func trio() Description {
	limits := func(cpu float64, memory int32) Limits { return Limits{CPU: &cpu, Memory: &memory} }
	of, enabled, ended := limits(0.25, 256), false, 0
	c := func(id, dockerID, name, dockerName, created, started string, address string) Container {
		return Container{
			ID: id, DockerID: dockerID, Name: name, DockerName: "ecs-trio-7-" + name + "-" + dockerName, Image: "busybox:local",
			ImageID: "sha256:6d3d8483053985c94f428e0b62d633b5c390a22efe84e26a5b7352d2ec0c8b78",
			Labels: map[string]string{"com.amazonaws.ecs.cluster": "default", "com.amazonaws.ecs.container-name": name,
				"com.amazonaws.ecs.task-arn": trioARN, "com.amazonaws.ecs.task-definition-family": "trio", "com.amazonaws.ecs.task-definition-version": "7"},
			DesiredStatus: "RUNNING", KnownStatus: "RUNNING", Limits: limits(64, 64), CreatedAt: at(created), StartedAt: at(started), Type: "NORMAL",
			Networks: []Network{{NetworkMode: "bridge", IPv4Addresses: []string{address}}},
		}
	}
	web := c("web-1", webID, "web", "f29c83b9a0a1bef43d00", "2026-11-20T17:13:35.05116974Z", "2026-11-20T17:13:35.293689836Z", "172.17.0.3")
	web.Ports = []Port{{8080, "tcp", 32768, "0.0.0.0"}, {8080, "tcp", 32768, "::"}}
	db := c("db-1", dbID, "db", "b8c1f7f087e0e8ccc301", "2026-11-20T17:13:29.671347088Z", "2026-11-20T17:13:29.906475639Z", "172.17.0.2")
	db.Health = &Health{Status: "HEALTHY", StatusSince: at("2026-11-20T17:13:34.952580285Z")}
	first := c("init-1", initID, "init", "b4d7dca8accbf392d001", "2026-11-20T17:13:29.682215258Z", "2026-11-20T17:13:29.93848825Z", "")
	first.KnownStatus, first.ExitCode, first.FinishedAt = "STOPPED", &ended, at("2026-11-20T17:13:29.940121215Z")
	return Description{Cluster: "default", TaskARN: trioARN, Family: "trio", Revision: "7", DesiredStatus: "RUNNING", KnownStatus: "RUNNING",
		Limits: &of, AvailabilityZone: "us-east-1a", LaunchType: "EXTERNAL", FaultInjectionEnabled: &enabled, Containers: []Container{db, first, web}}
}

// measures answers what the recorded containers use.
type measures struct {
	t   *testing.T
	err error
}

func (m measures) Read(context.Context, stats.Task) ([]stats.Usage, error) {
	var recorded map[string]usage
	read(m.t, "v4-task-stats.json", &recorded)
	var all []stats.Usage
	for id, u := range recorded {
		if u.ID != "" {
			all = append(all, stats.Usage{RuntimeID: id, Stats: u.StatsResponse, Rate: u.Rate})
		}
	}
	return all, m.err
}

func read(t *testing.T, file string, v any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err == nil {
		err = json.Unmarshal(text, v, jsonv1.DefaultOptionsV1())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// serveTrio serves the recorded task, whose network mode is another where it asks for an address of its own.
func serveTrio(t *testing.T, change func(*Task, *Config)) *served {
	t.Helper()
	task := Task{ID: taskID, Identity: "ec2", Describe: trio, Measured: func() stats.Task { return stats.Task{ID: taskID} }}
	s := serve(t, task) // takes its configuration before the listener is asked
	s.Stats = measures{t: t}
	if change != nil {
		change(&task, &s.Config)
	}
	return s.again(t, task)
}

// sorted orders what the ECS agent tells in any order.
func sorted(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			v[name] = sorted(v[name])
		}
		if all, ok := v["Containers"].([]any); ok {
			slices.SortFunc(all, func(a, b any) int {
				return strings.Compare(a.(map[string]any)["Name"].(string), b.(map[string]any)["Name"].(string))
			})
		}
	case []any:
		for i := range v {
			v[i] = sorted(v[i])
		}
	}
	return v
}

func TestAnswersAreThoseOfTheECSAgent(t *testing.T) {
	s := serveTrio(t, nil)
	for path, file := range map[string]string{
		"/v4/web-1": "v4-container.json", "/v4/web-1/task": "v4-task.json", "/v4/web-1/stats": "v4-stats.json", "/v4/db-1/task/stats": "v4-task-stats.json",
		"/v3/web-1": "v3-container.json", "/v3/db-1/task": "v3-task.json", "//v4//web-1": "v4-container.json",
	} {
		t.Run(path, func(t *testing.T) {
			status, body, header := answered(t, s.request(t, "GET", path, ""))
			var got, want any
			if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 || header.Get("Content-Type") != "application/json" {
				t.Fatalf("%d %s, %v", status, body, err)
			}
			read(t, file, &want)
			if got, want := sorted(got), sorted(want); !reflect.DeepEqual(got, want) {
				g, _ := json.Marshal(got, json.Deterministic(true))
				w, _ := json.Marshal(want, json.Deterministic(true))
				t.Errorf("got  %s\nwant %s", g, w)
			}
		})
	}
}

func TestVersion2IsForTasksWithAnAddress(t *testing.T) {
	bridge := serveTrio(t, nil)
	for _, path := range []string{"/v2/metadata", "/v2/stats", "/v2/metadata/" + webID} {
		status, body, _ := answered(t, bridge.request(t, "GET", path, ""))
		if status != 400 || body != `"Unable to get task arn from request: unable to associate '127.0.0.1' with task"` {
			t.Errorf("%s in network mode bridge: %d %s", path, status, body)
		}
	}
	own := serveTrio(t, func(t *Task, _ *Config) { t.OwnAddress = true })
	v3 := func(path string) string {
		_, body, _ := answered(t, own.request(t, "GET", path, ""))
		return body
	}
	for path, same := range map[string]string{
		"/v2/metadata": "/v3/web-1/task", "/v2/metadata/": "/v3/web-1/task", "/v2/metadata/" + webID: "/v3/web-1",
		"/v2/stats": "/v3/web-1/task/stats", "/v2/stats/" + dbID: "/v3/db-1/stats", "/v2/metadataWithTags": "/v3/web-1/taskWithTags",
	} {
		status, body, _ := answered(t, own.request(t, "GET", path, ""))
		if status != 200 || body != v3(same) {
			t.Errorf("%s: %d %s\nwant %s", path, status, body, v3(same))
		}
	}
	if strings.Contains(v3("/v2/stats"), "network_rate_stats") || !strings.Contains(v3("/v2/stats"), `"`+initID+`":null`) {
		t.Errorf("%s", v3("/v2/stats"))
	}
}

func TestTagsAreThoseOfTheControlPlane(t *testing.T) {
	var asked []string
	s := serveTrio(t, func(_ *Task, c *Config) {
		c.Tags = func(_ context.Context, identity, arn string) (map[string]string, error) {
			asked = append(asked, identity+" "+arn)
			switch arn {
			case "arn:instance":
				return map[string]string{"rack": "7"}, nil
			case trioARN:
				return nil, &client.Error{Code: "AccessDeniedException", Message: "not you", Status: 400, RequestID: "r-1"}
			}
			return nil, errors.New("lost")
		}
		c.Instance = func(string) string { return "arn:instance" }
	})
	_, body, _ := answered(t, s.request(t, "GET", "/v4/web-1/taskWithTags", ""))
	for _, want := range []string{`"ContainerInstanceTags":{"rack":"7"}`,
		`"Errors":[{"ErrorField":"TaskTags","ErrorCode":"AccessDeniedException","ErrorMessage":"not you","StatusCode":400,"RequestId":"r-1","ResourceARN":"` + trioARN + `"}]`} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is missing in %s", want, body)
		}
	}
	if !slices.Equal(asked, []string{"ec2 arn:instance", "ec2 " + trioARN}) {
		t.Errorf("asked %v", asked)
	}
	if _, body, _ := answered(t, s.request(t, "GET", "/v3/web-1/taskWithTags", "")); strings.Contains(body, "Errors") || !strings.Contains(body, "ContainerInstanceTags") {
		t.Errorf("version 3: %s", body)
	}
	if _, body, _ := answered(t, s.request(t, "GET", "/v4/web-1/task", "")); strings.Contains(body, "Tags") {
		t.Errorf("not asked for: %s", body)
	}
}

func TestErrorsAreThoseOfTheECSAgent(t *testing.T) {
	s := serveTrio(t, func(task *Task, _ *Config) {
		task.Associated = []Associated{{Type: "gpu", Name: "GPU-1", Containers: []string{"web"}}, {Type: "elastic-inference", Name: "e-1", Containers: []string{"db"}, Content: `{"a":1}`}}
	})
	broken := serveTrio(t, func(_ *Task, c *Config) { c.Stats = measures{t, errors.New("no kernel")} })
	for _, c := range []struct {
		s            *served
		method, path string
		status       int
		want         string
	}{
		{s, "GET", "/v4/nonsense", 404, `"V4 container metadata handler: unable to get container ID from request: unable to get docker ID from v3 endpoint ID: nonsense"`},
		{s, "GET", "/v4/nonsense/task", 404, `"V4 task metadata handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: nonsense"`},
		{s, "GET", "/v4/nonsense/taskWithTags", 404, `"V4 task metadata handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: nonsense"`},
		{s, "GET", "/v4/nonsense/stats", 404, `"V4 container stats handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: nonsense"`},
		{s, "GET", "/v4/nonsense/task/stats", 404, `"V4 task stats handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: nonsense"`},
		{s, "GET", "/v3/nonsense", 404, `"V3 container metadata handler: unable to get container ID from request: unable to get docker ID from v3 endpoint ID: nonsense"`},
		{s, "GET", "/v3/nonsense/stats", 400, `"V3 container stats handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: nonsense"`},
		{s, "GET", "/v4/init-1/stats", 400, `"Unable to get container stats for: ` + initID + `"`},
		{broken, "GET", "/v4/web-1/stats", 500, `"Unable to get container stats for: ` + webID + `"`},
		{broken, "GET", "/v4/web-1/task/stats", 500, `"Unable to get task stats for: ` + trioARN + `"`},
		{s, "GET", "/v4/web-1/associations/gpu", 200, `{"Associations":["GPU-1"]}`},
		{s, "GET", "/v4/db-1/associations/gpu", 200, `{"Associations":[]}`},
		{s, "GET", "/v3/db-1/associations/elastic-inference/e-1", 200, `{"a":1}`},
		{s, "GET", "/v4/web-1/associations/gpu/GPU-9", 400, `"Unable to write container association response: V4 association response: unable to find association 'GPU-9' of type gpu"`},
		{s, "GET", "/v4/web-1/nonsense", 404, "404 page not found\n"},
		{s, "GET", "/v4", 404, "404 page not found\n"},
		{s, "GET", "/v5", 400, `{"__type":"MissingAuthenticationTokenException","message":"Missing Authentication Token"}`},
		{s, "GET", "/v1/credentials", 400, `{"code":"NoIdInRequest","message":"CredentialsV1Request: No Credential ID in the request","HTTPErrorCode":400}`},
		{s, "GET", "/v1/credentials?id=x", 400, `{"code":"InvalidIdInRequest","message":"CredentialsV1Request: Credentials not found","HTTPErrorCode":400}`},
		{s, "POST", "/api/web-1/fault/v1/network-latency/start", 400, `{"Error":"enableFaultInjection is not enabled for task: ` + trioARN + `"}`},
		{s, "POST", "/api/nonsense/fault/v1/network-latency/status", 404, `{"Error":"unable to lookup container: nonsense"}`},
		{s, "GET", "/api/web-1/fault/v1/network-latency/start", 405, ""},
		{s, "POST", "/api/web-1/fault/v1/nonsense/start", 404, "404 page not found\n"},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			if status, body, _ := answered(t, c.s.request(t, c.method, c.path, "")); status != c.status || body != c.want {
				t.Errorf("%d %s", status, body)
			}
		})
	}
}

// What a task is still to make is seen by version 4 alone, and nothing of it that is secret.
func TestAContainerThatIsStillToComeIsSeen(t *testing.T) {
	d := trio()
	d.Containers[2].DockerID, d.Containers[2].KnownStatus = "", "PULLED"
	if old := d.older(); len(old.Containers) != 2 || len(d.Containers) != 3 {
		t.Errorf("%+v", old)
	}
	if d.Containers[2].Ports[0].HostIP == "" {
		t.Error("the older shape changed the newer")
	}
	if c := Clock(); c != nil && (c.ClockErrorBound < 0 || !strings.HasSuffix(c.ClockSynchronizationStatus, "SYNCHRONIZED")) {
		t.Errorf("%+v", c)
	}
}
