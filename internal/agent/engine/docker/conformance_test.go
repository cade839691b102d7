//go:build linux

package docker

import (
	"fmt"
	"net"
	"testing"

	"github.com/moby/moby/client"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/enginetest"
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
		Dial:   func(address string) (net.Conn, error) { return m.Dial(address) },
		Lose: func(t *testing.T, e engine.Engine, task string) {
			found, err := e.(*Engine).list(t.Context(), task)
			must(t, err)
			for _, c := range found {
				_, err := e.(*Engine).api.ContainerRemove(t.Context(), c.ID, client.ContainerRemoveOptions{Force: true})
				must(t, err)
			}
		},
	})
}
