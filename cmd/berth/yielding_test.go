package main

import (
	"context"
	"slices"
	"testing"

	dockercontainer "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// created is an engine that creates containers and nothing else.
type created struct{ engine.Engine }

func (created) CreateContainer(context.Context, string, engine.ContainerSpec) error { return nil }

func TestContainersGetThePortsThatTheyName(t *testing.T) {
	exposed := network.PortSet{network.MustParsePort("80/tcp"): {}, network.MustParsePort("9000/udp"): {}}
	bound := network.PortMap{network.MustParsePort("80/tcp"): {{HostPort: "8080"}, {HostPort: ""}}}
	for name, c := range map[string]struct {
		config dockercontainer.Config
		host   dockercontainer.HostConfig
		want   []uint16
	}{
		"published by the engine":  {dockercontainer.Config{ExposedPorts: exposed}, dockercontainer.HostConfig{NetworkMode: "bridge", PortBindings: bound}, []uint16{8080}},
		"opened by the container":  {dockercontainer.Config{ExposedPorts: exposed}, dockercontainer.HostConfig{NetworkMode: "host"}, []uint16{80, 9000}},
		"none of the host's ports": {dockercontainer.Config{ExposedPorts: exposed}, dockercontainer.HostConfig{NetworkMode: "awsvpc"}, nil},
	} {
		var got []uint16
		y := yielding{created{}, func(port uint16) bool { got = append(got, port); return true }}
		spec := engine.ContainerSpec{}
		spec.Config, spec.Host = c.config, c.host
		if err := y.CreateContainer(t.Context(), "task", spec); err != nil {
			t.Fatal(err)
		}
		if slices.Sort(got); !slices.Equal(got, c.want) {
			t.Errorf("%s: ports %v are left to it, want %v", name, got, c.want)
		}
	}
}
