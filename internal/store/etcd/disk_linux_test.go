package etcd

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/store"
)

// smallDisk mounts a file system of that size.
func smallDisk(t *testing.T, size string) (dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
	dir = t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// noise is text that takes as much room as it is long.
func noise(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + rand.IntN(26))
	}
	return string(b)
}

// A disk that fills up stops neither the process nor deletions, and what was answered stays.
func TestAFullDiskIsToldAndDeletionsMakeRoom(t *testing.T) {
	config := Config{Dir: filepath.Join(smallDisk(t, "384m"), "etcd"), Instance: "cafe0001", Fresh: true, UpkeepEvery: 50 * time.Millisecond}
	w, err := enter(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	text := noise(200_000)
	write := func(id string) error {
		return w.Update(context.Background(), func(tx *store.Tx) error { return w.left.Put(tx, anywhere, id, &pair{Text: text}) })
	}
	var mu sync.Mutex
	var written []string
	var work sync.WaitGroup
	for n := range writers {
		work.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprint(n, "-", i)
				if err := write(id); errors.Is(err, store.ErrFull) {
					return
				} else if err != nil {
					t.Errorf("write: %v", err)
					return
				}
				mu.Lock()
				written = append(written, id)
				mu.Unlock()
			}
		})
	}
	work.Wait()
	t.Logf("%d writes fitted", len(written))
	for _, id := range written[1:] {
		err := w.Update(t.Context(), func(tx *store.Tx) error { return w.left.Delete(tx, anywhere, id) })
		if err != nil {
			t.Fatalf("delete: %v", err)
		}
	}
	deadline := time.Now().Add(20 * time.Second)
	for err := write("again"); err != nil; err = write("again") {
		if time.Now().After(deadline) {
			t.Fatalf("with room: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	config.Fresh = false
	if w, err = enter(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, id := range []string{written[0], "again"} {
		if _, ok := w.left.Get(anywhere, id); !ok {
			t.Errorf("%s is lost", id)
		}
	}
}
