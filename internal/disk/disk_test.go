package disk

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func TestRoom(t *testing.T) {
	dir := t.TempDir()
	if err := NewGuard(dir, 0).Room(); err != nil {
		t.Errorf("with nothing kept free: %v", err)
	}
	err := NewGuard(dir, math.MaxUint64).Room()
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), dir) {
		t.Errorf("with all of it kept free: %v, want ErrFull and the directory", err)
	}
	if err := NewGuard(dir+"/none", 0).Room(); err == nil || errors.Is(err, ErrFull) {
		t.Errorf("where there is no directory: %v", err)
	}
}

func TestABurstDoesNotOutrunTheMeasurements(t *testing.T) {
	g := NewGuard(t.TempDir(), 0)
	if err := g.Room(); err != nil {
		t.Fatal(err)
	}
	g.Take(math.MaxInt64) // at once, and more than any disk has
	if err := g.Room(); !errors.Is(err, ErrFull) {
		t.Errorf("while it is on its way: %v", err)
	}
	time.Sleep(2*landing + recheck)
	if err := g.Room(); err != nil {
		t.Errorf("once it shows in what is free: %v", err)
	}
}
