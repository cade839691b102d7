package spool

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A reader may have taken what a full disk still held of a write before the rest was refused: it stays.
func TestAFullDiskLosesOnlyWhatItDidNotTake(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=64k,huge=never"); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { unix.Unmount(disk, unix.MNT_DETACH) })
	ballast, dir := filepath.Join(disk, "ballast"), filepath.Join(disk, "spool")
	if err := os.WriteFile(ballast, make([]byte, 56<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	w := create(t, dir, Options{NonBlocking: true})
	const some = 400
	w.Copy(Stdout, strings.NewReader(numbered(0, some))) // one write, larger than the room
	size := w.active.size
	if room := int64(8 << 10); size > room || size < room-headerSize-20 {
		t.Fatalf("%d bytes are kept where %d fit", size, room)
	}
	if info, err := os.Stat(segmentPath(dir, 0)); err != nil || info.Size() != size {
		t.Errorf("the file and what the writer knows of it differ: %d bytes, not %d, %v", info.Size(), size, err)
	}
	r := open(t, dir, 0)
	batch := make([]Line, some)
	n, err := r.Read(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	wantNumbered(t, batch[:n], 0, n)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	w.Copy(Stdout, strings.NewReader(numbered(some, some+10)))
	w.Close()
	wantNumbered(t, rest(t, r), some, some+10)
	if r.Lost() != uint64(some-n) {
		t.Errorf("%d lines are counted as lost, not %d", r.Lost(), some-n)
	}
}
