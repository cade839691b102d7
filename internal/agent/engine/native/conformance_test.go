package native

import (
	"context"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/enginetest"
	"github.com/berth-dev/berth/internal/agent/spool"
)

func TestConformance(t *testing.T) {
	m := newMachine(t)
	logs := 0
	dirs := map[string]string{} // of the latest container of a name
	enginetest.Run(t, enginetest.Suite{
		Open: func(t *testing.T) engine.Engine { return m.open(t) },
		Container: func(name string, b enginetest.Behaviour) engine.ContainerSpec {
			args := map[enginetest.Kind][]string{
				enginetest.Exits: {"exit", fmt.Sprint(b.Code)}, enginetest.Sleeps: {"sleep"}, enginetest.Stubborn: {"stubborn"},
			}[b.Kind]
			logs++
			c := m.container(fmt.Sprint("log", logs), name, args...)
			if b.Kind == enginetest.Broken {
				c.Config.Cmd = []string{"/nope"}
			}
			dirs[name] = c.Log.Dir
			return c
		},
		Settle: func(t *testing.T, _, name string) { awaitLine(t, dirs[name], "ready") },
		Program: func(name string, args ...string) engine.ContainerSpec {
			logs++
			return m.container(fmt.Sprint("log", logs), name, args...)
		},
		Probe:  []string{"/probe"},
		Listen: "127.0.0.1:0",
		Lose: func(t *testing.T, e engine.Engine, task string) {
			must(t, unix.Kill(shimPID(t, e.(*Engine), task), unix.SIGKILL))
		},
	})
}

// awaitLine reads a spool until a line comes.
func awaitLine(t testing.TB, dir, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := spool.Open(dir, 0)
	must(t, err)
	defer r.Close()
	batch := make([]spool.Line, 1)
	for {
		if _, err := r.Read(ctx, batch); err != nil {
			t.Fatalf("%q never came: %v", want, err)
		}
		if string(batch[0].Text) == want {
			return
		}
	}
}
