package task

import (
	"context"
	"errors"
	"testing"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine"
)

// onMachine is an engine that has one image under a tag, or none, and no registry.
type onMachine struct {
	engine.Engine
	tag   string
	image engine.Image
}

func (m onMachine) PullImage(_ context.Context, req engine.PullRequest, _ func(engine.PullProgress)) (engine.Image, error) {
	if m.tag == "" || req.Reference != m.tag || req.Policy != engine.PullIfAbsent {
		return engine.Image{}, errors.New("no registry is reachable")
	}
	return m.image, nil
}

func TestThePinnedImageIsTheOneThatRuns(t *testing.T) {
	const (
		pinned = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
		other  = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	)
	for name, c := range map[string]struct {
		machine onMachine
		image   string
		want    string
		policy  engine.PullPolicy
	}{
		"one that is named by its tag alone":             {image: "web:1", want: "web:1", policy: engine.PullOrCached},
		"one that is named by its digest alone":          {image: "web@" + pinned, want: "web@" + pinned, policy: engine.PullOrCached},
		"the machine has it under the tag":               {onMachine{tag: "team/web:1", image: engine.Image{Digest: pinned, Origin: engine.FromRegistry}}, "team/web:1@" + pinned, "team/web:1", engine.PullIfAbsent},
		"the tag has been moved":                         {onMachine{tag: "web:1", image: engine.Image{Digest: other, Origin: engine.FromRegistry}}, "web:1@" + pinned, "web@" + pinned, engine.PullOrCached},
		"the tag is of an image that was built here":     {onMachine{tag: "web:1", image: engine.Image{Digest: other, Origin: engine.FromDocker}}, "web:1@" + pinned, "web:1", engine.PullIfAbsent},
		"the machine has none, and the tag can't be had": {image: "web:1@" + pinned, want: "web@" + pinned, policy: engine.PullOrCached},
	} {
		t.Run(name, func(t *testing.T) {
			w := &task{Runner: &Runner{Config: Config{Engine: c.machine}}}
			container := &acs.Container{Name: "web", Image: c.image}
			got := w.choose(t.Context(), container, engine.PullRequest{Reference: c.image, Policy: engine.PullOrCached, Task: "t", Container: "web"})
			if got.Reference != c.want || got.Policy != c.policy || got.Task != "t" || w.imageOf(container) != c.want {
				t.Errorf("%+v, and %s", got, w.imageOf(container))
			}
		})
	}
}
