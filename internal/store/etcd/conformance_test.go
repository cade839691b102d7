package etcd

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/store/storetest"
)

func TestEtcdConforms(t *testing.T) {
	storetest.Run(t, func(t *testing.T, quota int64) store.Backend {
		return openBackend(t, Config{Dir: filepath.Join(t.TempDir(), "etcd"), Instance: "cafe0001", Fresh: true, Quota: quota})
	})
}

// openBackend opens a backend whose upkeep a test doesn't have to wait for, and which tells the test what it logs.
func openBackend(t testing.TB, c Config) *backend {
	t.Helper()
	c.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	c.UpkeepEvery = 20 * time.Millisecond
	b, err := open(t.Context(), c.withDefaults())
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return b
}
