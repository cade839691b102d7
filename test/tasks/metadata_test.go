package tasks

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/test/berthtest"
)

// seenTask and seenContainer are of a task's metadata what every version has, and of a container's.
type seenTask struct {
	TaskARN, Family, KnownStatus, LaunchType, AvailabilityZone, PullStartedAt, PullStoppedAt string
	Limits                                                                                   struct{ CPU, Memory float64 }
	TaskTags                                                                                 map[string]string
	Containers                                                                               []seenContainer
	VPCID                                                                                    string
	ClockDrift                                                                               struct{ ClockSynchronizationStatus string }
}

type seenContainer struct {
	DockerID                      string `json:"DockerId"`
	Name, DockerName, KnownStatus string
	ImageID, LogDriver, StartedAt string
	ContainerARN                  string
	LogOptions                    map[string]string
	Networks                      []struct{ NetworkMode, MACAddress string }
	Ports                         []struct{ ContainerPort, HostPort int }
	Volumes                       []struct{ Source, Destination string }
	RestartCount                  *int
}

// seenUse is of what a container uses.
type seenUse struct {
	Read, PreRead time.Time
	CPU           struct {
		Usage struct {
			Total uint64 `json:"total_usage"`
		} `json:"cpu_usage"`
		Online int `json:"online_cpus"`
	} `json:"cpu_stats"`
	Memory   struct{ Usage, Limit uint64 } `json:"memory_stats"`
	Networks map[string]struct {
		Received uint64 `json:"rx_bytes"`
	}
	Rate *struct{} `json:"network_rate_stats"`
}

// TestATaskSeesItself reads each page of the metadata from inside containers.
func TestATaskSeesItself(t *testing.T) {
	w := start(t)
	main := named("main", "8080")
	main.PortMappings = []types.PortMapping{{ContainerPort: aws.Int32(8080)}}
	in := w.request(fargate(main, logged(container("side", "run"))))
	in.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}}
	private := w.until("RUNNING", w.run(in)[0])
	hosted := w.one(onEC2(types.NetworkModeHost, named("main", "7071")), "RUNNING")
	other := w.one(onEC2(types.NetworkModeHost, named("main", "7072")), "RUNNING")
	at := w.publicIP(private) + ":8080"
	page := func(t *testing.T, at, url string, into any) {
		t.Helper()
		if body := w.in(t).ask(at, "fetch", "url", url); json.Unmarshal([]byte(body), into, json.MatchCaseInsensitiveNames(true)) != nil {
			t.Errorf("%s is %s", url, body)
		}
	}
	v3, v4 := w.ask(at, "env", "name", "ECS_CONTAINER_METADATA_URI"), w.ask(at, "env", "name", "ECS_CONTAINER_METADATA_URI_V4")
	const v2 = "http://169.254.170.2/v2"

	t.Run("its task", func(t *testing.T) {
		for _, url := range []string{v4 + "/task", v4 + "/taskWithTags", v3 + "/task", v3 + "/taskWithTags", v2 + "/metadata", v2 + "/metadataWithTags"} {
			var task seenTask
			page(t, at, url, &task)
			newest, tagged := strings.HasPrefix(url, v4), strings.HasSuffix(url, "WithTags")
			if task.TaskARN != aws.ToString(private.TaskArn) || task.KnownStatus != "RUNNING" || task.AvailabilityZone != aws.ToString(private.AvailabilityZone) ||
				task.Limits.CPU != 0.25 || task.Limits.Memory != 512 || len(task.Containers) != 2 || task.PullStartedAt == "" || task.PullStoppedAt == "" {
				t.Errorf("%s: %+v", url, task)
			}
			if newest != (task.LaunchType == "FARGATE") || newest != (task.VPCID != "") || newest != (task.ClockDrift.ClockSynchronizationStatus != "") {
				t.Errorf("%s: %+v", url, task)
			}
			if want := map[string]string{"team": "blue"}; tagged && !maps.Equal(task.TaskTags, want) || !tagged && task.TaskTags != nil {
				t.Errorf("%s: tags %v", url, task.TaskTags)
			}
		}
	})
	t.Run("its container", func(t *testing.T) {
		known := w.byName(private, "main")
		for _, url := range []string{v4, v3, v2 + "/metadata/" + aws.ToString(known.RuntimeId)} {
			var c seenContainer
			page(t, at, url, &c)
			if c.DockerID != aws.ToString(known.RuntimeId) || c.Name != "main" || c.KnownStatus != "RUNNING" || !strings.HasPrefix(c.DockerName, "ecs-TestATaskSeesItself-1-main-") ||
				c.StartedAt == "" || !strings.HasPrefix(c.ImageID, "sha256:") || len(c.Networks) != 1 || c.Networks[0].NetworkMode != "awsvpc" || len(c.Ports) != 1 || c.Ports[0].HostPort != 8080 {
				t.Errorf("%s: %+v", url, c)
			}
			if url != v4 {
				continue
			}
			if c.ContainerARN != aws.ToString(known.ContainerArn) || c.Networks[0].MACAddress == "" || c.LogOptions["awslogs-stream"] != "t/main/"+id(private) {
				t.Errorf("%+v", c)
			}
		}
	})
	t.Run("what it uses", func(t *testing.T) {
		for _, url := range []string{v4 + "/stats", v3 + "/stats", v2 + "/stats/" + aws.ToString(w.byName(private, "main").RuntimeId)} {
			var before, use seenUse
			page(t, at, url, &before)
			berthtest.Eventually(t, 10*time.Second, "a second sample", func() bool {
				use = seenUse{} // what an answer lacks would stay
				page(t, at, url, &use)
				return use.PreRead.After(before.PreRead)
			})
			if use.CPU.Usage.Total == 0 || use.CPU.Online == 0 || use.Memory.Usage == 0 || len(use.Networks) == 0 || use.PreRead.Before(before.Read) {
				t.Errorf("%s: %+v", url, use)
			}
			if (use.Rate != nil) != (url == v4+"/stats") {
				t.Errorf("%s: rates %v", url, use.Rate)
			}
		}
		for _, url := range []string{v4 + "/task/stats", v3 + "/task/stats", v2 + "/stats"} {
			all := map[string]seenUse{}
			page(t, at, url, &all)
			for _, c := range private.Containers {
				if u := all[aws.ToString(c.RuntimeId)]; u.Memory.Usage == 0 || len(all) != 2 {
					t.Errorf("%s: %s uses %+v of %d containers", url, aws.ToString(c.Name), u, len(all))
				}
			}
		}
	})
	t.Run("in host mode, and no other task", func(t *testing.T) {
		w := w.in(t)
		own := w.ask("127.0.0.1:7071", "env", "name", "ECS_CONTAINER_METADATA_URI_V4")
		var task seenTask
		page(t, "127.0.0.1:7071", own+"/taskWithTags", &task)
		if task.TaskARN != aws.ToString(hosted.TaskArn) || task.LaunchType != "EC2" || task.Containers[0].Networks[0].NetworkMode != "host" {
			t.Errorf("%+v", task)
		}
		endpoint := w.ask("127.0.0.1:7071", "env", "name", "AWS_ENDPOINT_URL")
		for _, path := range []string{"/v4/" + id(hosted), "/v4/" + id(hosted) + "-0/task", "/v3/" + id(hosted) + "-0/stats", "/v2/metadata", own[strings.Index(own, "/v4/"):] + "x"} {
			if got, err := tryAsk(t.Context(), "127.0.0.1:7072", "fetch", "url", endpoint+path); err == nil {
				t.Errorf("%s tells %s: %s", id(other), path, got)
			}
		}
	})
	t.Run("as the operator sees it", func(t *testing.T) {
		w := w.in(t)
		var all []struct {
			Task       string
			Containers []struct {
				Name   string
				Memory float64 `json:"memoryMiB"`
			}
		}
		berthtest.Eventually(t, 90*time.Second, "the agent has told what its tasks use", func() bool {
			all = nil
			if err := json.Unmarshal([]byte(w.Run("stats", id(private), "-o", "json")), &all, json.MatchCaseInsensitiveNames(true)); err != nil {
				t.Fatal(err)
			}
			return len(all) == 1 && len(all[0].Containers) == 2
		})
		names := []string{all[0].Containers[0].Name, all[0].Containers[1].Name}
		if slices.Sort(names); !slices.Equal(names, []string{"main", "side"}) || all[0].Containers[0].Memory == 0 {
			t.Errorf("%+v", all)
		}
	})
}
