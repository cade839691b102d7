package fake

import (
	"fmt"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/enginetest"
)

func TestConformance(t *testing.T) {
	m := NewMachine()
	enginetest.Run(t, enginetest.Suite{
		Open: func(*testing.T) engine.Engine { return m.Engine() },
		Container: func(name string, b enginetest.Behaviour) engine.ContainerSpec {
			image := fmt.Sprintf("probe:%d-%d", b.Kind, b.Code)
			m.Script(image, map[enginetest.Kind]Behaviour{
				enginetest.Exits:    {Runs: time.Nanosecond, ExitCode: b.Code},
				enginetest.Stubborn: {Stubborn: true},
				enginetest.Broken:   {StartFails: "exec: no such file"},
			}[b.Kind])
			if _, err := m.Engine().PullImage(t.Context(), engine.PullRequest{Reference: image}, nil); err != nil {
				t.Fatal(err)
			}
			return engine.ContainerSpec{Name: name, Image: image, Config: container.Config{Image: image},
				Log: engine.LogSpec{Dir: t.TempDir() + "/spool"}}
		},
		Lose: func(_ *testing.T, _ engine.Engine, task string) { m.Lose(task, "It was told to.") },
	})
}
