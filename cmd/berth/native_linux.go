package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/agent/engine/native"
	"github.com/berth-dev/berth/internal/agent/image"
	"github.com/berth-dev/berth/internal/agent/image/shortname"
	"github.com/berth-dev/berth/internal/agent/network"
	"github.com/berth-dev/berth/internal/docker"
	"github.com/berth-dev/berth/internal/embedded"
	"github.com/berth-dev/berth/internal/instance"
)

// openNative opens the engine and the network that need nothing but a Linux kernel.
func (m *machine) openNative(ctx context.Context) error {
	// Containers' directories and files get the modes that are asked for, whatever the starter lets others see of root's.
	unix.Umask(0o022)
	if err := m.in.MakeRunDir(); err != nil {
		return err
	}
	images, err := image.Open(ctx, m.imageConfig())
	if err != nil {
		return fmt.Errorf("open the images: %w", err)
	}
	m.closeLater(images.Close)
	containers, err := native.New(ctx, native.Config{
		Instance: m.in.ID, RunDir: m.in.RunDir(), BinDir: m.in.Path("bin"), Volumes: m.in.Path("volumes"), Images: images, NoSeccomp: m.o.noSeccomp, Log: m.log,
	})
	if err != nil {
		return fmt.Errorf("start the engine: %w", err)
	}
	m.engine = watchPulls(yielding{containers, m.yield}, m.disk.Room)
	m.closeLater(m.engine.Close)
	net, err := network.New(network.Config{Instance: m.in.ID, RunDir: m.in.RunDir(), Yield: m.yield, Log: m.log})
	if err != nil {
		return fmt.Errorf("start the network: %w", err)
	}
	m.network, m.ground = net, ground{net}
	m.closeLater(net.Close)
	return nil
}

// imageConfig has the images of the person who started Berth at hand: this is their machine.
func (m *machine) imageConfig() image.Config {
	o := m.o.images
	config := image.Config{
		Dir: m.in.Path("agent", "images"), Hello: embedded.Hello, Log: m.log, Registries: o.registries,
		ShortNames: &shortname.Rule{Hub: o.hub},
		Cleanup: image.Cleanup{
			Disabled: o.noCleanup, Interval: o.interval, MinimumAge: o.minimumAge, PerCycle: o.perCycle, High: o.high, Low: o.low,
		},
	}
	if starter := docker.Starter(); o.docker != dockerNone {
		config.Docker, config.Logins = docker.NewDaemon(starter, o.socket()), starter.Login
		m.closeLater(config.Docker.Close)
	}
	return config
}

// cleanKernel removes what the instance has in the kernel: processes, control groups, namespaces, links and rules.
func cleanKernel(ctx context.Context, in *instance.Instance, log *slog.Logger) error {
	return errors.Join(
		native.Clean(ctx, in.ID, in.RunDir()),
		network.Clean(ctx, network.Config{Instance: in.ID, RunDir: in.RunDir(), Log: log}),
		hostsFile(in).Set(nil),
	)
}
