package history_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/ecs/history"
	"github.com/berth-dev/berth/internal/ecs/history/historytest"
	"github.com/berth-dev/berth/internal/store"
)

func TestMemory(t *testing.T) {
	historytest.Run(t, func(*testing.T) history.History { return history.NewMemory() })
}

func TestPebble(t *testing.T) {
	historytest.Run(t, func(t *testing.T) history.History {
		p := open(t, t.TempDir())
		t.Cleanup(func() { closed(t, p) })
		return p
	})
}

func open(t *testing.T, dir string) *history.Pebble {
	t.Helper()
	p, err := history.OpenPebble(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func closed(t *testing.T, p *history.Pebble) {
	t.Helper()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

var scope = store.Scope{Account: "000000000000", Region: "us-east-1"}

func record(id string) history.Record {
	return history.Record{Scope: scope, ID: id, Ended: time.Date(2026, 11, 5, 12, 0, 0, 7, time.UTC), Keys: []string{"k"}, Value: []byte(`{"id":"` + id + `"}`)}
}

// crashed is a copy of a history's directory as a SIGKILL leaves it: it was not closed.
func crashed(t *testing.T, dir string) string {
	t.Helper()
	left := t.TempDir()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if errors.Is(err, fs.ErrNotExist) || file.Name() == "LOCK" {
			continue // Pebble tidies up after it was opened
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(left, file.Name()), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return left
}

func TestWhatWasPutSurvivesACrash(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	defer closed(t, p)
	if err := p.Put(t.Context(), []history.Record{record("a"), record("b")}); err != nil {
		t.Fatal(err)
	}
	again := open(t, crashed(t, dir))
	defer closed(t, again)
	if err := again.Put(t.Context(), []history.Record{record("b"), record("c")}); err != nil { // who did not hear of it repeats it
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b", "c"} {
		if r, err := again.Get(t.Context(), scope, id); err != nil || string(r.Value) != string(record(id).Value) {
			t.Errorf("%s: %s, %v", id, r.Value, err)
		}
	}
	// The count is right too, or one too few would stay.
	if err := again.Trim(t.Context(), history.Keep{Records: 3, Surely: time.Now().AddDate(99, 0, 0)}); err != nil {
		t.Fatal(err)
	}
	n := 0
	for range again.Find(t.Context(), scope, "k", "") {
		n++
	}
	if n != 3 {
		t.Errorf("%d records stay", n)
	}
}

// The journal goes on where it was, however the one before it ended.
func TestChangesSurviveACrash(t *testing.T) {
	dir, given := t.TempDir(), uint64(0)
	for run, how := range []string{"closed", "crashed", "crashed", "closed", "closed"} {
		p := open(t, dir)
		var numbers []uint64
		for change, err := range p.Changes(t.Context(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			numbers = append(numbers, change.Number)
		}
		marks, err := p.Marks(t.Context())
		if err != nil || uint64(len(numbers)) != given || p.LastChange() != given || marks["tasks"] != int64(given) {
			t.Fatalf("run %d: changes %d, marks %v, %v; want %d", run, numbers, marks, err, given)
		}
		for range 3 {
			given++
			if err := p.Append(t.Context(), [][]byte{fmt.Append(nil, given)}, history.Marks{"tasks": int64(given)}); err != nil {
				t.Fatal(err)
			}
		}
		if how == "crashed" {
			dir = crashed(t, dir)
		}
		closed(t, p)
	}
}

func TestAnotherProcessOrADamagedDirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	if again, err := history.OpenPebble(dir, slog.New(slog.DiscardHandler)); err == nil {
		again.Close()
		t.Error("a second one opened it")
	}
	closed(t, p)
	manifests, err := filepath.Glob(filepath.Join(dir, "MANIFEST-*"))
	if err != nil || len(manifests) == 0 {
		t.Fatal(manifests, err)
	}
	if err := os.WriteFile(manifests[0], []byte("scribble"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := history.OpenPebble(dir, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("it opened what is damaged")
	}
}
