package logship

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/agent/logdriver"
)

// backend is a driver and its only sink, which takes what it is told to.
type backend struct {
	mu     sync.Mutex
	limits logdriver.Limits
	take   func(b logdriver.Batch) (int, error) // nil: all
	lines  []string
	calls  int
}

func (b *backend) Prepare(context.Context, logdriver.Source) error { return nil }

func (b *backend) Open(logdriver.Source) (logdriver.Sink, error) { return b, nil }

func (b *backend) Limits() logdriver.Limits { return b.limits }

func (b *backend) Close() error { return nil }

func (b *backend) Send(_ context.Context, batch logdriver.Batch) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	n, err := len(batch.Events), error(nil)
	if b.take != nil {
		n, err = b.take(batch)
	}
	for _, e := range batch.Events[:n] {
		b.lines = append(b.lines, e.Text)
	}
	return n, err
}

func (b *backend) got() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.lines)
}

func (w *world) faked(name string, limits logdriver.Limits) *container {
	w.backend.limits = limits
	c := w.container(name, nil)
	c.Driver = "fake"
	return c
}

func TestADeadBackendHoldsNobodyForEver(t *testing.T) {
	w := newWorld(t)
	c := w.faked("web", logdriver.Limits{Patience: 300 * time.Millisecond})
	w.backend.take = func(logdriver.Batch) (int, error) { return 0, errors.New("connection refused") }
	s := w.shipper(nil)
	s.Follow(c.Source)
	c.print(t, numbered(0, 100))
	w.until("it is tried more than once", func() bool { w.backend.mu.Lock(); defer w.backend.mu.Unlock(); return w.backend.calls > 1 })
	c.Close()
	if err := s.Drain(t.Context(), "t1"); err != nil {
		t.Fatal(err)
	}
	if s.Dropped() != 100 || len(w.backend.got()) != 0 {
		t.Errorf("%d dropped", s.Dropped())
	}
}

func TestABackendThatTakesSomeIsSentTheRest(t *testing.T) {
	w := newWorld(t)
	c := w.faked("web", logdriver.Limits{Patience: time.Minute})
	turn := 0
	w.backend.take = func(b logdriver.Batch) (int, error) {
		switch turn++; turn % 3 {
		case 0:
			return 0, errors.New("away")
		case 1:
			return min(7, len(b.Events)), errors.New("broke in the middle")
		}
		return len(b.Events), nil
	}
	s := w.shipper(nil)
	s.Follow(c.Source)
	c.print(t, numbered(0, 40))
	c.Close()
	if err := s.Drain(t.Context(), "t1", "another"); err != nil {
		t.Fatal(err)
	}
	if err := s.Drain(t.Context(), "t1", "web"); err != nil {
		t.Fatal(err)
	}
	same(t, strings.Join(w.backend.got(), "\n")+"\n", numbered(0, 40))
	if s.Dropped() != 0 {
		t.Errorf("%d dropped", s.Dropped())
	}
}

func TestLinesThatBelongTogetherAreOneEvent(t *testing.T) {
	w := newWorld(t)
	c := w.faked("web", logdriver.Limits{Begins: regexp.MustCompile(`^INFO`), Hold: 50 * time.Millisecond, Event: 64 << 10})
	s := w.shipper(nil)
	s.Follow(c.Source)
	c.print(t, "INFO one\n at a\n at b\nINFO two\n")
	w.until("the last is complete though no other comes", func() bool { return len(w.backend.got()) == 2 })
	long := strings.Repeat("x", 40<<10)
	c.print(t, "INFO three\n"+long+"\n"+long+"\n\nINFO four")
	c.Close()
	if err := s.Drain(t.Context(), "t1"); err != nil {
		t.Fatal(err)
	}
	want := []string{"INFO one\n at a\n at b\n", "INFO two\n", "INFO three\n" + long + "\n", long + "\n\n", "INFO four\n"}
	if got := w.backend.got(); !slices.Equal(got, want) {
		t.Errorf("%d events: %.300q", len(got), got)
	}
}
