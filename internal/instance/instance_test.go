package instance

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpenMakesADirectoryOnceAndFindsItAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "berth")
	if _, err := Find(dir); !errors.Is(err, ErrNone) {
		t.Fatalf("Find of nothing: %v, want ErrNone", err)
	}
	first, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); !errors.Is(err, ErrInUse) {
		t.Fatalf("a second Open: %v, want ErrInUse", err)
	}
	if !first.Running() {
		t.Error("an open instance does not say that it runs")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if again.ID != first.ID {
		t.Errorf("the id changed from %s to %s", first.ID, again.ID)
	}
}

func TestADirectoryThatIsNotOursIsRefusedAndLeftAlone(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  error
	}{
		"holds another program's files":   {map[string]string{"thesis.txt": "x"}, ErrForeign},
		"has state and no instance.json":  {map[string]string{"etcd": "x"}, ErrDamaged},
		"has a damaged instance.json":     {map[string]string{"instance.json": `{"format":`}, ErrDamaged},
		"has an empty instance.json":      {map[string]string{"instance.json": ``}, ErrDamaged},
		"has an instance.json without id": {map[string]string{"instance.json": `{"format":1}`}, ErrDamaged},
		"has an instance id of nonsense":  {map[string]string{"instance.json": `{"format":1,"instance":"../../etc"}`}, ErrDamaged},
		"was written by a newer Berth":    {map[string]string{"instance.json": `{"format":99,"instance":"0123abcd"}`}, ErrTooNew},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range test.files {
				write(t, filepath.Join(dir, file), text)
			}
			_, err := Open(dir)
			if !errors.Is(err, test.want) {
				t.Fatalf("Open: %v, want %v", err, test.want)
			}
			if !strings.Contains(err.Error(), dir) {
				t.Errorf("%v does not name the directory", err)
			}
			if _, err := os.Stat(filepath.Join(dir, "lock")); err == nil && errors.Is(test.want, ErrForeign) {
				t.Error("a lock was put there")
			}
			for file, text := range test.files {
				if now, _ := os.ReadFile(filepath.Join(dir, file)); string(now) != text {
					t.Errorf("%s was changed", file)
				}
			}
		})
	}
}

func TestADirectoryThatWasThereIsClosedToOthers(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	in, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
}

func TestAFirstStartThatWasCutShortBeginsAgain(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"lock", "instance.json.new", "lost+found"} {
		write(t, filepath.Join(dir, name), "")
	}
	in, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	in.Close()
}

func TestACopyDoesNotRunBesideItsOriginal(t *testing.T) {
	dir, copied := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	in, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(copied); !errors.Is(err, ErrCopy) {
		t.Errorf("the copy beside the original: %v, want ErrCopy", err)
	}
	in.Close()
	alone, err := Open(copied)
	if err != nil {
		t.Fatalf("the copy alone: %v", err)
	}
	alone.Close()
}

func TestWhatWasBegunIsRemembered(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "instance.json"), `{"format":1,"instance":"cafe0123","zone":{"a":1}}`)
	in, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if in.Began("etcd") {
		t.Error("etcd was begun before it was")
	}
	if err := errors.Join(in.Begin("etcd"), in.Begin("etcd"), in.Close()); err != nil {
		t.Fatal(err)
	}
	if in, err = Open(dir); err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if !in.Began("etcd") || in.Began("logs") {
		t.Errorf("begun are %v", in.record.Parts)
	}
	if text, _ := os.ReadFile(filepath.Join(dir, "instance.json")); !strings.Contains(string(text), `"zone":{"a":1}`) {
		t.Errorf("a member of another release is gone: %s", text)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAnAnnouncementIsReadBack(t *testing.T) {
	in, err := Open(filepath.Join(t.TempDir(), "berth"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if _, err := in.Announced(); err == nil {
		t.Error("there is an announcement before the first")
	}
	want := Announcement{PID: 1, Endpoint: "http://127.0.0.1:4566", Region: "us-east-1", Account: "000000000000"}
	if err := in.Announce(want); err != nil {
		t.Fatal(err)
	}
	if got, err := in.Announced(); err != nil || got != want {
		t.Errorf("announced %+v, %v; want %+v", got, err, want)
	}
}

// Whoever only asks whether a directory is in use keeps nobody from taking it.
func TestAskingDoesNotTakeTheDirectory(t *testing.T) {
	dir := t.TempDir() + "/data"
	in, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		for {
			select {
			case <-done:
				return
			default:
				in.Running()
			}
		}
	}()
	for range 200 {
		again, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	<-asked
}
