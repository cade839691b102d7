package main

import (
	"context"

	"github.com/berth-dev/berth/internal/agent/engine/fake"
)

// openEngine opens what runs containers, and what connects them.
func (m *machine) openEngine(ctx context.Context) error {
	if m.o.engine == "native" {
		return m.openNative(ctx)
	}
	m.engine, m.network = watchPulls(fake.NewMachine().Engine(), m.disk.Room), fake.NewNetwork()
	m.closeLater(m.engine.Close)
	return nil
}
