package image

import (
	"context"
	"sync"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// flights are the pulls under way. Callers that want the same image with the same login share one.
type flights struct {
	mu     sync.Mutex
	flying map[flightKey]*flight
}

type flightKey struct {
	name   string
	short  bool   // it was named without a registry
	of     string // the platform asked for
	policy engine.PullPolicy
	login  engine.RegistryAuth
}

// flight is one pull. It ends early when nobody waits for it any more.
type flight struct {
	progress *progress
	cancel   context.CancelFunc
	waiting  int // under flights.mu
	done     chan struct{}
	image    engine.Image // valid once done
	err      error
}

// join waits for the flight of a key, starting it when there is none. It calls report from this goroutine only.
func (s *Store) join(ctx context.Context, key flightKey, report func(engine.PullProgress), pull pullFunc) (engine.Image, error) {
	f := s.board(key, pull)
	defer s.alight(key, f)
	changed, leave := f.progress.subscribe()
	defer leave()
	for {
		select {
		case <-changed:
			if report != nil {
				report(f.progress.now())
			}
		case <-f.done:
			if report != nil && f.err == nil {
				report(f.progress.now())
			}
			return f.image, f.err
		case <-ctx.Done():
			return engine.Image{}, ctx.Err()
		}
	}
}

type pullFunc func(context.Context, *progress) (engine.Image, error)

func (s *Store) board(key flightKey, pull pullFunc) *flight {
	s.flights.mu.Lock()
	defer s.flights.mu.Unlock()
	if f := s.flights.flying[key]; f != nil {
		f.waiting++
		return f
	}
	ctx, cancel := context.WithCancel(s.ctx)
	f := &flight{progress: newProgress(), cancel: cancel, waiting: 1, done: make(chan struct{})}
	s.flights.flying[key] = f
	s.running.Go(func() {
		f.image, f.err = pull(ctx, f.progress)
		s.flights.mu.Lock()
		s.forget(key, f)
		s.flights.mu.Unlock()
		cancel()
		close(f.done)
	})
	return f
}

func (s *Store) alight(key flightKey, f *flight) {
	s.flights.mu.Lock()
	defer s.flights.mu.Unlock()
	if f.waiting--; f.waiting == 0 {
		f.cancel()
		s.forget(key, f)
	}
}

// forget lets the next caller start anew. flights.mu is held.
func (s *Store) forget(key flightKey, f *flight) {
	if s.flights.flying[key] == f {
		delete(s.flights.flying, key)
	}
}
