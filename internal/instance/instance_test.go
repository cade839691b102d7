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
	for name, files := range map[string]map[string]string{
		"holds another program's files":  {"thesis.txt": "x"},
		"has a damaged instance.json":    {"instance.json": `{"format":`},
		"has an instance id of nonsense": {"instance.json": `{"format":1,"instance":"../../etc"}`},
		"was written by a newer Berth":   {"instance.json": `{"format":99,"instance":"0123abcd"}`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range files {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Open(dir)
			if err == nil {
				t.Fatal("Open succeeds")
			}
			if !strings.Contains(err.Error(), dir) {
				t.Errorf("%v does not name the directory", err)
			}
			for file, text := range files {
				if now, _ := os.ReadFile(filepath.Join(dir, file)); string(now) != text {
					t.Errorf("%s was changed", file)
				}
			}
		})
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
