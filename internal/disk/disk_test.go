package disk

import (
	"errors"
	"math"
	"strings"
	"testing"
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
