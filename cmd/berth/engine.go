package main

import (
	"context"
	"fmt"
	"os"
	"runtime"

	"github.com/berth-dev/berth/internal/agent/engine/fake"
	"github.com/berth-dev/berth/internal/docker"
	"github.com/berth-dev/berth/internal/elb/node"
)

// What runs containers.
const (
	engineAuto   = "auto"
	engineNative = "native"
	engineDocker = "docker"
	engineFake   = "fake"
)

// choice is the engine that auto stands for: the one that needs nothing but a Linux kernel where it can have that, or else
// Docker's, if there is one to be found.
func (o *devOptions) choice() (string, error) {
	if runtime.GOOS != "linux" {
		return engineDocker, nil
	}
	if os.Getuid() == 0 {
		return engineNative, nil
	}
	err := docker.ErrNoDaemon
	if o.images.docker != dockerNone {
		err = docker.NewDaemon(docker.Starter(), o.images.socket()).Usable()
	}
	if err != nil {
		return "", fmt.Errorf("berth dev runs containers, which takes root: start it by `%s`, or have Docker run them (%w), or try the APIs alone by --engine fake", again(), err)
	}
	return engineDocker, nil
}

// openEngine opens what runs containers, and what connects them.
func (m *machine) openEngine(ctx context.Context) error {
	m.engineText = m.o.engine
	switch m.o.engine {
	case engineNative:
		return m.openNative(ctx)
	case engineDocker:
		return m.openDocker(ctx)
	}
	m.engine, m.network, m.ground = watchPulls(fake.NewMachine().Engine(), m.disk.Room), fake.NewNetwork(), node.Nowhere{}
	m.closeLater(m.engine.Close)
	return nil
}
