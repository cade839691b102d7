package tasks

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/test/berthtest"
)

// TestImagesOfDocker has a real dockerd beside Berth, on a host that reaches no registry.
func TestImagesOfDocker(t *testing.T) {
	docker := berthtest.StartDocker(t)
	docker.Load(probeArchive(t))
	t.Setenv("DOCKER_HOST", "unix://"+docker.Socket)
	w := start(t)
	of := func(image string) types.ContainerDefinition {
		c := runs()
		c.Image = aws.String(image)
		return c
	}
	for _, name := range []string{"myapp:dev", "team/app:latest", "registry.example.invalid/team/app:v1", "123456789012.dkr.ecr.us-east-1.amazonaws.com/app:v1"} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			repository, tag := name[:strings.LastIndexByte(name, ':')], name[strings.LastIndexByte(name, ':')+1:]
			docker.Tag(probe, repository, tag)
			task := w.one(fargate(of(name)), "RUNNING")
			if aws.ToString(task.Containers[0].ImageDigest) == "" {
				t.Error("it has no digest")
			}
			w.endsWell(task)
			if from := w.originOf(name); from != "docker" {
				t.Errorf("it came from %q", from)
			}
		})
	}
	t.Run("a name that is nowhere", func(t *testing.T) {
		w := w.in(t)
		task := w.until("STOPPED", w.run(w.request(fargate(of("other:dev"))))[0])
		for _, says := range []string{"CannotPullContainerError", "docker build -t other:dev .", "docker.io/library/other:dev"} {
			if !strings.Contains(aws.ToString(task.StoppedReason)+reasons(task), says) {
				t.Errorf("%q does not say %q", aws.ToString(task.StoppedReason)+reasons(task), says)
			}
		}
	})
	t.Run("by hand", func(t *testing.T) {
		w := w.in(t)
		docker.Tag(probe, "byhand", "v1")
		if out := w.Run("image", "import", "byhand:v1"); !strings.Contains(out, "docker.io/library/byhand:v1") {
			t.Errorf("it says %s", out)
		}
		if from := w.originOf("docker.io/library/byhand:v1"); from != "archive" {
			t.Errorf("it came from %q", from)
		}
		if out, err := w.Try("image", "import", "nowhere:v1"); err == nil || !strings.Contains(err.Error(), "Docker on this machine has no image of that name: build it by `docker build -t nowhere:v1 .`") {
			t.Errorf("%s %v", out, err)
		}
		out := w.Run("image", "prune", "--output", "json")
		if !strings.Contains(out, "team/app:latest") || strings.Contains(out, "byhand") {
			t.Errorf("pruned were %s", out)
		}
		w.Run("image", "prune", "--all")
		if out := w.Run("image", "ls", "--output", "json"); out != "[]\n" {
			t.Errorf("left are %s", out)
		}
	})
}

// originOf is where an image came from, by `berth image ls`.
func (w *world) originOf(name string) string {
	w.t.Helper()
	var images []struct{ Name, Origin string }
	if err := json.Unmarshal([]byte(w.Run("image", "ls", "--output", "json")), &images, json.MatchCaseInsensitiveNames(true)); err != nil {
		w.t.Fatal(err)
	}
	for _, image := range images {
		if strings.HasSuffix(image.Name, name) {
			return image.Origin
		}
	}
	return ""
}
