//go:build linux

package docker

import (
	"slices"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/retry"
)

// TestAnImageThatDockerHadStaysItsOwners has a task use an image that somebody else put there: Berth never prunes it.
func TestAnImageThatDockerHadStaysItsOwners(t *testing.T) {
	b := newBench(t)
	for _, policy := range []engine.PullPolicy{engine.PullIfAbsent, engine.PullOrCached} {
		b.begin(engine.TaskSpec{NoNetwork: true})
		_, err := b.PullImage(b.ctx, engine.PullRequest{Task: b.task, Reference: testImage, Policy: policy}, nil)
		must(t, err)
		must(t, b.RemoveTask(b.ctx, b.task))
	}
	pruned, err := b.PruneImages(b.ctx, engine.PruneRequest{All: true})
	must(t, err)
	if slices.ContainsFunc(pruned, func(i engine.Image) bool { return i.Name == "docker.io/library/"+testImage }) {
		t.Errorf("pruned are %+v", pruned)
	}
}

// TestNoLabelOfADefinitionIsBerths has a definition claim that its container and volume are another task's.
func TestNoLabelOfADefinitionIsBerths(t *testing.T) {
	b := newBench(t)
	claim := map[string]string{labelInstance: "ffffffff", labelTask: random(16), labelContainer: "x", labelRole: rolePause, "mine": "1"}
	app := b.container("claim", "app", "sleep")
	app.Config.Labels = claim
	b.begin(engine.TaskSpec{NoNetwork: true}, app)
	c, err := b.inspect(b.ctx, b.Engine.task(b.task).boxes["app"].record.ID)
	must(t, err)
	volume, err := b.CreateVolume(b.ctx, engine.VolumeSpec{Name: "claim-" + b.task, Labels: claim})
	must(t, err)
	if l := c.Config.Labels; l[labelTask] != b.task || l[labelInstance] != b.instance || l[labelRole] != "" || l["mine"] != "1" || claim[labelRole] == "" {
		t.Errorf("the container's labels are %v", l)
	}
	if volume.Task != "" || volume.Labels["mine"] != "1" {
		t.Errorf("the volume is %+v", volume)
	}
	must(t, b.RemoveTask(b.ctx, b.task))
	must(t, b.RemoveVolume(b.ctx, volume.Name))
}

// TestALookThatBeganBeforeAContainer has a look at Docker under way, which can't know of a container that is made meanwhile:
// the container waits for its end.
func TestALookThatBeganBeforeAContainer(t *testing.T) {
	b := newBench(t)
	b.begin(engine.TaskSpec{NoNetwork: true})
	look := b.Engine.task(b.task)
	look.refreshing.Lock()
	created := make(chan error, 1)
	go func() { created <- b.CreateContainer(b.ctx, b.task, b.container("look", "app", "sleep")) }()
	for deadline := time.Now().Add(20 * time.Second); ; retry.Pause(b.ctx, 5*time.Millisecond) {
		if found, err := b.list(b.ctx, b.task); err != nil || time.Now().After(deadline) {
			t.Fatal("it was not made: ", err)
		} else if len(found) == 2 {
			break
		}
	}
	retry.Pause(b.ctx, 100*time.Millisecond) // for the agent to have heard of it
	if _, err := look.box("app"); err == nil {
		t.Error("the container is known to a look that began before it")
	}
	look.refreshing.Unlock()
	must(t, <-created)
	must(t, b.StartContainer(b.ctx, b.task, "app"))
	must(t, b.RemoveTask(b.ctx, b.task))
}
