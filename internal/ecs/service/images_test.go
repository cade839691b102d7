package service

import (
	"testing"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
)

func TestTheImagesOfARevisionAreThoseOfATaskThatRuns(t *testing.T) {
	d := &ecs.TaskDefinition{Definition: api.TaskDefinition{ContainerDefinitions: []api.ContainerDefinition{
		{Name: "web"}, {Name: "side", VersionConsistency: api.VersionConsistencyDisabled}}}}
	task := func(status ecs.Status, digest string) *ecs.Task {
		return &ecs.Task{Status: status, Containers: []ecs.Container{{Name: "web", Image: "web:1", ImageDigest: digest}, {Name: "side", Image: "side:1", ImageDigest: "sha256:2"}}}
	}
	for name, c := range map[string]struct {
		task *ecs.Task
		want int
	}{
		"it runs":                   {task(ecs.Running, "sha256:1"), 1},
		"it does not run yet":       {task(ecs.Pending, "sha256:1"), 0},
		"an image is not known yet": {task(ecs.Running, ""), 0},
	} {
		got := resolved(d, c.task)
		if len(got) != c.want || c.want > 0 && got[0] != (api.ContainerImage{ContainerName: "web", Image: "web:1", ImageDigest: "sha256:1"}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
