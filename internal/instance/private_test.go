package instance

import (
	"errors"
	"os"
	"testing"
)

func TestADirectoryIsClosedToOthers(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil { // as a fresh tmpfs is
		t.Fatal(err)
	}
	in, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	in.Close()
	if info, err := os.Stat(dir); err != nil || info.Mode() != os.ModeDir|0o700 {
		t.Errorf("its mode is %v (%v)", info.Mode(), err)
	}
}

func TestAnotherUsersDirectoryIsRefused(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to give a directory away")
	}
	dir := t.TempDir()
	if err := os.Chown(dir, 65534, -1); err != nil {
		t.Fatal(err)
	}
	in, err := Open(dir) // it is empty: root takes it over
	if err != nil {
		t.Fatal(err)
	}
	in.Close()
	if err := os.Chown(dir, 65534, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); !errors.Is(err, ErrOwner) {
		t.Errorf("a directory that its user can change: %v, want ErrOwner", err)
	}
}
