package image

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/agent/engine"
)

func mustImport(t testing.TB, s *Store, name string, image testImage) {
	t.Helper()
	if _, err := s.Import(t.Context(), bytes.NewReader(ociArchive(t, name, image)), nil); err != nil {
		t.Fatal(err)
	}
}

func TestNormalize(t *testing.T) {
	sum := digestOf("x")
	for ref, want := range map[string]string{
		"busybox":               "docker.io/library/busybox:latest",
		"team/app:v1":           "docker.io/team/app:v1",
		"localhost:5000/app":    "localhost:5000/app:latest",
		"ghcr.io/a/b":           "ghcr.io/a/b:latest",
		"index.docker.io/a/b:c": "docker.io/a/b:c",
		"busybox@" + sum:        "docker.io/library/busybox@" + sum,
		"busybox:v1@" + sum:     "docker.io/library/busybox@" + sum,
	} {
		if got, err := Normalize(ref); err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", ref, got, err, want)
		}
	}
	for _, ref := range []string{"", "UPPER", "a:b:c", "a@sha256:short", "https://x/y"} {
		if got, err := Normalize(ref); err == nil {
			t.Errorf("%q is %s", ref, got)
		}
	}
}

func TestTheBuiltInImage(t *testing.T) {
	s := testStore(t, t.TempDir())
	for _, ref := range []string{"berth/hello", "berth/hello:latest", "docker.io/berth/hello"} {
		got, err := s.Pull(t.Context(), engine.PullRequest{Reference: ref, Policy: engine.PullAlways}, nil)
		if err != nil || got.Name != "docker.io/berth/hello:latest" {
			t.Fatalf("%s: %+v, %v", ref, got, err)
		}
	}
	root, err := s.Prepare(t.Context(), "t1", "hello", "berth/hello", "")
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, root, "hello"); got != "#!/hello" || !reflect.DeepEqual(root.Config.Entrypoint, []string{"/hello"}) {
		t.Errorf("program %q, %+v", got, root.Config)
	}

	t.Run("is renewed by another build", func(t *testing.T) {
		dir := s.config.Dir
		s.Close()
		s = testStore(t, dir)
		s.config.Hello = func() ([]byte, error) { return []byte("#!/newer"), nil }
		if _, err := s.Pull(t.Context(), engine.PullRequest{Reference: "berth/hello"}, nil); err != nil {
			t.Fatal(err)
		}
		for task, want := range map[string]string{"t1": "#!/hello", "t2": "#!/newer"} {
			root, err := s.Prepare(t.Context(), task, "hello", "berth/hello", "")
			if err != nil {
				t.Fatal(err)
			}
			if got := read(t, root, "hello"); got != want {
				t.Errorf("task %s has %q", task, got)
			}
		}
	})
	t.Run("says why it is missing", func(t *testing.T) {
		s := testStore(t, t.TempDir())
		s.config.Hello = func() ([]byte, error) { return nil, errors.New("built without") }
		_, err := s.Pull(t.Context(), engine.PullRequest{Reference: "berth/hello"}, nil)
		if err == nil || err.Error() != "CannotPullContainerError: built without" {
			t.Error(err)
		}
	})
}

func TestAFileSystemIsKeptUntilItsTaskIsReleased(t *testing.T) {
	dir := t.TempDir()
	s := testStore(t, dir)
	mustImport(t, s, "app", buildImage(t, thisArch, file{"one", "1"}, file{"two", "2"}))
	first, err := s.Prepare(t.Context(), "t1", "a", "app", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Prepare(t.Context(), "t1", "b", "app", ""); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(t.Context(), "app"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Prepare(t.Context(), "t2", "a", "app", ""); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("a removed image is prepared: %v", err)
	}
	s.Close()

	s = testStore(t, dir)
	if err := s.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	again, err := s.Prepare(t.Context(), "t1", "a", "app", "")
	if err != nil || !reflect.DeepEqual(again, first) {
		t.Errorf("prepared again: %+v, %v; want %+v", again, err, first)
	}
	if got := read(t, again, "two"); got != "2" {
		t.Errorf("read %q", got)
	}
	if tasks, err := s.Tasks(t.Context()); err != nil || !reflect.DeepEqual(tasks, []string{"t1"}) {
		t.Errorf("tasks %v, %v", tasks, err)
	}
	for range 2 {
		if err := s.Release(t.Context(), "t1"); err != nil {
			t.Fatal(err)
		}
	}
	nothingLeft(t, s)
}

func TestListAndRemove(t *testing.T) {
	s := testStore(t, t.TempDir())
	mustImport(t, s, "b:v1", buildImage(t, thisArch, file{"one", "1"}))
	mustImport(t, s, "a:v1", buildImage(t, thisArch, file{"one", "1"}))
	listed, err := s.List(t.Context())
	if err != nil || len(listed) != 2 || listed[0].Name != "docker.io/library/a:v1" || listed[0].Digest != listed[1].Digest {
		t.Errorf("%+v, %v", listed, err)
	}
	if err := s.Remove(t.Context(), "a:v1"); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(t.Context(), "a:v1"); !errors.Is(err, engine.ErrNotFound) {
		t.Error(err)
	}
	if err := s.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Prepare(t.Context(), "t1", "c", "b:v1", ""); err != nil {
		t.Errorf("the other name lost its content: %v", err)
	}
}

// An earlier process died in the middle of a pull.
func TestOpenLetsGoOfWhatWasCutShort(t *testing.T) {
	dir := t.TempDir()
	s := testStore(t, dir)
	ctx, _, err := s.hold(inside(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	layer := newBlob("", []byte("a layer"))
	if err := content.WriteBlob(ctx, s.content, "whole", bytes.NewReader(layer.data), layer.desc); err != nil {
		t.Fatal(err)
	}
	half, err := s.content.Writer(ctx, content.WithRef("half"))
	if err != nil {
		t.Fatal(err)
	}
	half.Write([]byte("a la"))
	half.Close()
	if len(left(t, s)) == 0 {
		t.Fatal("the lease holds nothing")
	}
	s.Close()
	nothingLeft(t, testStore(t, dir))
}

func TestOpenRefuses(t *testing.T) {
	t.Run("a store that is open", func(t *testing.T) {
		s := testStore(t, t.TempDir())
		if _, err := Open(t.Context(), s.config); err == nil || !strings.Contains(err.Error(), "another process has it open") {
			t.Error(err)
		}
	})
	t.Run("a path that mounts of layers can't name", func(t *testing.T) {
		for _, name := range []string{"a:b", "a,b", `a\b`} {
			if _, err := Open(t.Context(), Config{Dir: filepath.Join(t.TempDir(), name)}); err == nil || !strings.Contains(err.Error(), "choose a data directory") {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("a damaged database", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "meta.db"), bytes.Repeat([]byte("garbage "), 4096), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "meta.db") {
			t.Error(err)
		}
	})
}

func TestAFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	s := testStore(t, dir)
	t.Cleanup(func() { s.Close() }) // before the unmount
	big := buildImage(t, thisArch, file{"big", strings.Repeat("0", 3<<20)})
	_, err := s.Import(t.Context(), bytes.NewReader(ociArchive(t, "big", big)), nil)
	if err == nil || !strings.Contains(err.Error(), "no space left on device: the image store "+dir+" is full") {
		t.Errorf("import: %v", err)
	}
	nothingLeft(t, s)

	registry := newRegistry(t, false)
	_, err = pull(t, s, registry.push(t, "big:v1", big))
	if err == nil || !strings.Contains(err.Error(), "no space left on device: the image store "+dir+" is full") {
		t.Errorf("pull: %v", err)
	}
	nothingLeft(t, s)
	mustImport(t, s, "small", buildImage(t, thisArch, file{"one", "1"}))
}

func TestKeyLock(t *testing.T) {
	k := newKeyLock()
	if err := k.Lock(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if err := k.Lock(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := k.Lock(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	second := make(chan error, 1)
	go func() { second <- k.Lock(t.Context(), "a") }()
	k.Unlock("a")
	if err := <-second; err != nil {
		t.Error(err)
	}
	k.Unlock("a")
	k.Unlock("b")
	if len(k.locks) != 0 {
		t.Errorf("%d locks left", len(k.locks))
	}
}

func BenchmarkPrepare(b *testing.B) {
	s := testStore(b, b.TempDir())
	mustImport(b, s, "app", buildImage(b, thisArch, file{"one", "1"}))
	for i := 0; b.Loop(); i++ {
		task := string(rune('a'+i%26)) + digestOf(string(rune(i)))[7:]
		if _, err := s.Prepare(b.Context(), task, "c", "app", ""); err != nil {
			b.Fatal(err)
		}
		if err := s.Release(b.Context(), task); err != nil {
			b.Fatal(err)
		}
	}
}
