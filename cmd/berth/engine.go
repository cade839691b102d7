package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/berth-dev/berth/internal/agent/engine/fake"
	"github.com/berth-dev/berth/internal/agent/engine/native"
	"github.com/berth-dev/berth/internal/agent/image"
	"github.com/berth-dev/berth/internal/agent/network"
	"github.com/berth-dev/berth/internal/embedded"
)

// openEngine opens what runs containers, and what connects them.
func (m *machine) openEngine(ctx context.Context) error {
	if m.o.engine == "fake" {
		m.engine, m.network = watchPulls(fake.NewMachine().Engine()), fake.NewNetwork()
		m.closeLater(m.engine.Close)
		return nil
	}
	images, err := image.Open(ctx, image.Config{Dir: m.in.Path("agent", "images"), Hello: embedded.Hello})
	if err != nil {
		return fmt.Errorf("open the images: %w", err)
	}
	m.closeLater(images.Close)
	containers, err := native.New(ctx, native.Config{
		Instance: m.in.ID, RunDir: m.in.RunDir(), BinDir: m.in.Path("bin"), Images: images, NoSeccomp: m.o.noSeccomp, Log: m.log,
	})
	if err != nil {
		return fmt.Errorf("start the engine: %w", err)
	}
	m.engine = watchPulls(containers)
	m.closeLater(m.engine.Close)
	net, err := network.New(network.Config{Instance: m.in.ID, RunDir: m.in.RunDir(), Log: m.log})
	if errors.Is(err, network.ErrUnsupported) {
		return fmt.Errorf("%w: try the APIs alone by --engine fake", err)
	}
	if err != nil {
		return fmt.Errorf("start the network: %w", err)
	}
	m.network = net
	m.closeLater(net.Close)
	return nil
}
