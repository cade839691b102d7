// Package plane assembles a control plane without a machine, for tests that ask all of it over the wire: internal/server
// over the memory store. test/compatibility and test/errors use it.
package plane

import (
	"errors"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/berth-dev/berth/internal/iam"
	"github.com/berth-dev/berth/internal/logs/journal"
	"github.com/berth-dev/berth/internal/server"
	"github.com/berth-dev/berth/internal/store"
)

// Account is the account of every caller.
const Account = "000000000000"

// Start starts a control plane that runs until the end of the test, and returns it with the key to it.
func Start(t testing.TB) (*server.Server, iam.Key) {
	t.Helper()
	keys, err := iam.OpenKeys(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	events, err := journal.OpenPebble(t.TempDir(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	db := store.Memory()
	s := server.New(server.Config{DB: db, Journal: events, Keys: keys, Account: Account, Region: "us-east-1",
		Endpoint: func() string { return "http://127.0.0.1:4566" }, Log: quiet})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Stop()
		if err := errors.Join(db.Close(), events.Close()); err != nil {
			t.Error(err)
		}
	})
	return s, keys.Dev()
}
