package ecs

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/internal/store"
)

// fullAtFirst is a backend that has no room until it has been asked so many times.
type fullAtFirst struct {
	store.Backend
	refusals atomic.Int32
}

func (f *fullAtFirst) Commit(ctx context.Context, batch store.Batch) (store.Outcome, error) {
	if f.refusals.Add(-1) >= 0 {
		return store.Outcome{}, store.ErrFull
	}
	return f.Backend.Commit(ctx, batch)
}

func TestTheLeadIsTriedForUntilItIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := &fullAtFirst{Backend: store.NewMemory(store.MemoryConfig{})}
		backend.refusals.Store(5)
		db := store.New(backend, store.Config{})
		s := New(db, &network{interfaces: store.NewTable[Interface](db, "test", "interface")}, Config{})
		if err := db.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan error, 1)
		began := time.Now()
		go func() { over <- s.Run(ctx) }()
		<-s.placer.ready
		if took := time.Since(began); took != (50+100+200+400+800)*time.Millisecond {
			t.Errorf("took the lead after %s", took)
		}
		cancel()
		if err := <-over; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestWhoHasLostTheLeadStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := store.Memory()
		s := New(db, &network{interfaces: store.NewTable[Interface](db, "test", "interface")}, Config{})
		if err := db.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		over := make(chan error, 1)
		go func() { over <- s.Run(t.Context()) }()
		<-s.placer.ready
		if _, err := db.Lead(t.Context(), "ecs"); err != nil {
			t.Fatal(err)
		}
		if err := <-over; !errors.Is(err, store.ErrFenced) {
			t.Errorf("ended with %v", err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}
