package acm_test

import (
	"crypto/x509"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/acm"
	"github.com/berth-dev/berth/internal/secrets/seal"
	"github.com/berth-dev/berth/internal/store"
)

func TestServersThatStartAtOnceHaveOneAuthority(t *testing.T) {
	shared, key := store.NewMemory(store.MemoryConfig{}), seal.Draw()
	server := func(now func() time.Time) *acm.Service {
		db := store.New(shared, store.Config{})
		s := acm.New(db, acm.Config{Key: key, Log: slog.New(slog.DiscardHandler), Now: now})
		if err := db.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return s
	}
	other := server(time.Now)
	var made *x509.Certificate
	var between sync.Once // after the first has seen that there is none, before it writes its own
	first := server(func() time.Time {
		between.Do(func() {
			if err := other.Start(t.Context()); err != nil {
				t.Error(err)
			}
			made, _ = other.Root()
		})
		return time.Now()
	})
	if err := first.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if is, err := first.Root(); err != nil || made == nil || !is.Equal(made) {
		t.Errorf("the one that came later wrote its own over it: %v", err)
	}
}
