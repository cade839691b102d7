package instance

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestTheRunDirectoryIsInMemory(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
	if inMemory(t.TempDir()) {
		t.Skip("the directory of tests is in memory already")
	}
	dir := filepath.Join(t.TempDir(), "run", "0123abcd")
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	for range 2 { // a restart finds it
		if err := makeRunDir(dir); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 || !inMemory(dir) || !isMountPoint(dir) {
			t.Fatalf("%v, %v, in memory: %t", info, err, inMemory(dir))
		}
		write(t, filepath.Join(dir, "state"), "x")
	}
	for range 2 {
		if err := removeRunDir(dir); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("it is left: %v", err)
	}
}

// What an earlier release left on the disk is not hidden from those who run there.
func TestARunDirectoryInUseStaysWhereItIs(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "shims"), "x")
	if err := makeRunDir(dir); err != nil {
		t.Fatal(err)
	}
	if isMountPoint(dir) {
		t.Error("it was mounted over")
	}
}
