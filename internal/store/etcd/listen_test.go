package etcd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNothingListens(t *testing.T) {
	before := sockets(t)
	b := openBackend(t, Config{Dir: filepath.Join(t.TempDir(), "etcd"), Instance: "cafe0001", Fresh: true})
	defer b.Close()
	for socket := range sockets(t) {
		if !before[socket] {
			t.Errorf("etcd has opened %s", socket)
		}
	}
}

// sockets are the sockets of this process, of any kind.
func sockets(t *testing.T) map[string]bool {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	found := map[string]bool{}
	for _, f := range files {
		if to, err := os.Readlink("/proc/self/fd/" + f.Name()); err == nil && strings.HasPrefix(to, "socket:") {
			found[to] = true
		}
	}
	return found
}
