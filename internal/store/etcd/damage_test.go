package etcd

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/store"
)

// filled makes a state with some rows in dir and closes it.
func filled(t *testing.T, dir, instance string) {
	t.Helper()
	b := openBackend(t, Config{Dir: dir, Instance: instance, Fresh: true})
	for range 200 {
		write := store.Write{Key: store.Root + "a/r/s/k/row", Value: make([]byte, 10_000)}
		if _, err := b.Commit(t.Context(), store.Batch{Mutations: []store.Mutation{{Writes: []store.Write{write}}}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestStateThatIsNotWholeIsRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		damage func(t *testing.T, dir string)
		want   error
	}{
		{"the directory is gone", func(t *testing.T, dir string) { remove(t, dir) }, ErrMissing},
		{"the directory is empty", func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "member")) }, ErrMissing},
		{"the log is gone", func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "member", "wal")) }, ErrMissing},
		{"the database is gone", func(t *testing.T, dir string) { remove(t, database(dir)) }, ErrMissing},
		{"the database is cut short", func(t *testing.T, dir string) { cut(t, database(dir), 256<<10) }, ErrDamaged},
		{"the database is empty", func(t *testing.T, dir string) { cut(t, database(dir), 0) }, ErrDamaged},
		{"the database's head is overwritten", func(t *testing.T, dir string) { overwrite(t, database(dir), 0, 16<<10) }, ErrDamaged},
		{"the database's middle is overwritten", func(t *testing.T, dir string) { overwrite(t, database(dir), 8<<10, -1) }, ErrDamaged},
		{"the log's head is overwritten", func(t *testing.T, dir string) { overwrite(t, log(t, dir), 0, 4<<10) }, ErrDamaged},
		{"the log's middle is overwritten", func(t *testing.T, dir string) { overwrite(t, log(t, dir), 1<<20, 4<<10) }, ErrDamaged},
		{"it is another instance's", func(t *testing.T, dir string) {
			remove(t, dir)
			filled(t, dir, "cafe0002")
		}, ErrForeign},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "etcd")
			filled(t, dir, "cafe0001")
			test.damage(t, dir)
			err := openAndStart(t.Context(), Config{Dir: dir, Instance: "cafe0001"})
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), dir) {
				t.Fatalf("open: %v, want %v", err, test.want)
			}
			t.Log(err)
		})
	}
}

// openAndStart opens a state as cmd/berth does and closes it when that goes well.
func openAndStart(ctx context.Context, c Config) error {
	db, err := Open(ctx, c)
	if err != nil {
		return err
	}
	return errors.Join(db.Start(ctx), db.Close())
}

func TestAnEtcdOfSomebodyElseIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "etcd")
	b := openBackend(t, Config{Dir: dir, Instance: "cafe0001", Fresh: true})
	if _, err := b.client.Put(t.Context(), "/registry/pods/x", "y"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.client.Delete(t.Context(), identity); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := openAndStart(t.Context(), Config{Dir: dir, Instance: "cafe0001"}); !errors.Is(err, ErrForeign) {
		t.Fatalf("open: %v", err)
	}
}

func TestAnInterruptedFirstStartIsMadeAnew(t *testing.T) {
	for name, leave := range map[string]func(t *testing.T, dir string){
		"no log":      func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "member", "wal")) },
		"no database": func(t *testing.T, dir string) { remove(t, database(dir)) },
		"half a log": func(t *testing.T, dir string) {
			os.Rename(filepath.Join(dir, "member", "wal"), filepath.Join(dir, "member", "wal.tmp"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "etcd")
			filled(t, dir, "cafe0001")
			leave(t, dir)
			if err := openAndStart(t.Context(), Config{Dir: dir, Instance: "cafe0001", Fresh: true}); err != nil {
				t.Fatalf("open: %v", err)
			}
		})
	}
}

func database(dir string) string { return filepath.Join(dir, "member", "snap", "db") }

// log is the newest file of the log.
func log(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "member", "wal", "*.wal"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no log: %v", err)
	}
	return files[len(files)-1]
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

func cut(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

// overwrite puts nonsense over n bytes at an offset, -1 for all that follow.
func overwrite(t *testing.T, path string, at, n int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n < 0 {
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		n = info.Size() - at
	}
	if _, err := f.WriteAt([]byte(strings.Repeat("nonsense", int(n/8))), at); err != nil {
		t.Fatal(err)
	}
}
