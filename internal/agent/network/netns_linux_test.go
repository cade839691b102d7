package network

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/berth-dev/berth/test/berthtest"
)

// Threads that have been in another namespace end: what is left of the process is in the host's. Otherwise it would keep
// namespaces that are meant to go, and sockets would be opened in the wrong one.
func TestNoThreadStaysInANamespace(t *testing.T) {
	needRoot(t)
	path := filepath.Join("/run", "test-netns")
	t.Cleanup(func() { _ = dropNamespace(path) })
	if err := createNamespace(path, func(int) error { return nil }); err != nil {
		t.Fatal(err)
	}
	var entered sync.WaitGroup
	for range 4 * runtime.GOMAXPROCS(0) {
		entered.Go(func() {
			for range 50 {
				if err := inside(path, func() error { runtime.Gosched(); return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	entered.Wait()
	host, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	berthtest.Eventually(t, 5*time.Second, "all threads are in the host's namespace", func() bool {
		threads, err := filepath.Glob("/proc/self/task/*/ns/net")
		if err != nil || len(threads) == 0 {
			t.Fatal(threads, err)
		}
		for _, thread := range threads {
			if ns, err := os.Readlink(thread); err == nil && ns != host {
				return false
			}
		}
		return true
	})
}

func TestANamespaceThatCannotBeSetUpLeavesNothing(t *testing.T) {
	needRoot(t)
	path := filepath.Join("/run", "test-netns")
	failure := errors.New("no")
	if err := createNamespace(path, func(int) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("its mount point is there")
	}
}
