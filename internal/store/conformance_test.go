package store_test

import (
	"testing"

	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/store/storetest"
)

func TestMemoryConforms(t *testing.T) {
	storetest.Run(t, func(_ *testing.T, quota int64) store.Backend {
		return store.NewMemory(store.MemoryConfig{Quota: quota})
	})
}
