package spool

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fullDisk returns a directory on a disk of its own that takes nothing more, until the filler is removed.
func fullDisk(t *testing.T) (dir, filler string) {
	t.Helper()
	dir = t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("needs root, to mount a small disk: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir, filepath.Join(dir, "filler")
}

func fill(t *testing.T, filler string) {
	t.Helper()
	if err := os.WriteFile(filler, bytes.Repeat([]byte{1}, 2<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
}

func TestAFullDiskBlocksUntilThereIsRoom(t *testing.T) {
	disk, filler := fullDisk(t)
	dir := filepath.Join(disk, "spool")
	w := create(t, dir, Options{})
	fill(t, filler)
	done := make(chan error, 1)
	go func() { done <- w.Copy(Stdout, strings.NewReader(numbered(0, 2000))) }()
	select {
	case err := <-done:
		t.Fatalf("Copy ended on a full disk: %v", err)
	case <-time.After(3 * retryAfter):
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	w.Close()
	wantNumbered(t, rest(t, open(t, dir, 0)), 0, 2000)
}

func TestClosingEndsACopyThatWaitsForTheDisk(t *testing.T) {
	disk, filler := fullDisk(t)
	w := create(t, filepath.Join(disk, "spool"), Options{})
	fill(t, filler)
	done := make(chan error, 1)
	go func() { done <- w.Copy(Stdout, strings.NewReader(numbered(0, 2000))) }()
	w.Close()
	if err := <-done; err != nil {
		t.Errorf("Copy: %v", err)
	}
}

func TestWhatAFullDiskDoesNotTakeIsCounted(t *testing.T) {
	disk, filler := fullDisk(t)
	dir := filepath.Join(disk, "spool")
	w := create(t, dir, Options{NonBlocking: true})
	fill(t, filler)
	if err := w.Copy(Stdout, strings.NewReader(numbered(0, 2000))); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := w.Copy(Stdout, strings.NewReader(numbered(2000, 2100))); err != nil {
		t.Fatal(err)
	}
	w.Close()
	lines := rest(t, open(t, dir, 0))
	if lost := 2100 - len(lines); lost == 0 || lines[len(lines)-1].Offset != 2099 {
		t.Errorf("%d lines of 2100 came, the last with offset %d: the offsets must tell what is missing", len(lines), lines[len(lines)-1].Offset)
	}
}
