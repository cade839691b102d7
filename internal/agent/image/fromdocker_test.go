package image

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/image/shortname"
	"github.com/berth-dev/berth/internal/docker"
)

// testDocker is a Docker daemon that has images to give out, behind a socket.
type testDocker struct {
	socket string
	server *httptest.Server
	before atomic.Pointer[func(w http.ResponseWriter, r *http.Request) bool] // true: it has answered

	mu     sync.Mutex
	images map[string]testDockerImage // by full name
	saved  []string                   // ids
}

type testDockerImage struct {
	id, arch, digest string
	tagged           time.Time
	archive          []byte
}

func newDocker(t testing.TB) *testDocker {
	t.Helper()
	d := &testDocker{socket: filepath.Join(t.TempDir(), "docker.sock"), images: map[string]testDockerImage{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/_ping", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Api-Version", "1.41") })
	mux.HandleFunc("GET /v1.41/images/get", func(w http.ResponseWriter, r *http.Request) {
		id := r.URL.Query().Get("names")
		d.mu.Lock()
		d.saved = append(d.saved, id)
		var archive []byte
		for _, image := range d.images {
			if image.id == id {
				archive = image.archive
			}
		}
		d.mu.Unlock()
		w.Write(archive)
	})
	mux.HandleFunc("GET /v1.41/images/", func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/v1.41/images/"), "/json")
		d.mu.Lock()
		image, ok := d.images[name]
		d.mu.Unlock()
		if !ok {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, `{"message":"No such image"}`)
			return
		}
		answer := map[string]any{
			"Id": image.id, "Os": "linux", "Architecture": image.arch, "Size": len(image.archive),
			"Metadata": map[string]any{"LastTagTime": image.tagged},
		}
		if image.digest != "" {
			answer["Descriptor"] = map[string]any{"digest": image.digest, "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 1}
		}
		if err := json.MarshalWrite(w, answer); err != nil {
			t.Error(err)
		}
	})
	d.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before := d.before.Load(); before != nil && (*before)(w, r) {
			return
		}
		mux.ServeHTTP(w, r)
	}))
	listener, err := net.Listen("unix", d.socket)
	if err != nil {
		t.Fatal(err)
	}
	d.server.Listener = listener
	d.server.Start()
	t.Cleanup(d.server.Close)
	return d
}

// has gives the daemon an image under a name, as a build there does.
func (d *testDocker) has(t testing.TB, name, arch string, image testImage) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.images[name] = testDockerImage{id: image.target.Digest.String(), arch: arch, tagged: time.Now(), archive: dockerArchive(t, "", image)}
}

func (d *testDocker) breaks(fn func(w http.ResponseWriter, r *http.Request) bool) {
	d.before.Store(&fn)
}

func (d *testDocker) saves() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.saved)
}

// storeBesideDocker is a store as `berth dev` has it.
func storeBesideDocker(t testing.TB, d *testDocker, registries string) *Store {
	t.Helper()
	return openStore(t, Config{
		Dir: t.TempDir(), Docker: docker.NewDaemon(docker.Person{}, d.socket), Export: time.Second,
		ShortNames: &shortname.Rule{}, Registries: registries,
	})
}

func obtain(t testing.TB, s *Store, ref string) (engine.Image, error) {
	t.Helper()
	return s.Pull(t.Context(), engine.PullRequest{Reference: ref}, nil)
}

// version reads the file of that name in a container's root file system.
func version(t testing.TB, s *Store, task, ref string) string {
	t.Helper()
	root, err := s.Prepare(t.Context(), task, "app", ref, "")
	if err != nil {
		t.Fatal(err)
	}
	return read(t, root, "version")
}

func TestAnImageOfDockerIsCopiedOnce(t *testing.T) {
	d := newDocker(t)
	s := storeBesideDocker(t, d, "")
	d.has(t, "docker.io/library/myapp:dev", thisArch, buildImage(t, thisArch, file{"version", "1"}))
	var last engine.PullProgress
	var statuses []string
	got, err := s.Pull(t.Context(), engine.PullRequest{Reference: "myapp:dev", Task: "t1", Container: "app"}, func(p engine.PullProgress) {
		last = p
		statuses = append(statuses, p.Status)
	})
	if err != nil || got.Name != "docker.io/library/myapp:dev" || got.Origin != engine.FromDocker {
		t.Fatalf("%+v, %v", got, err)
	}
	if last.Status != "done" || last.Bytes == 0 || last.Complete != last.Bytes {
		t.Errorf("last progress %+v of %v", last, statuses)
	}
	for range 3 {
		if _, err := obtain(t, s, "myapp:dev"); err != nil {
			t.Fatal(err)
		}
	}
	if n := d.saves(); n != 1 {
		t.Errorf("an image that did not change was copied %d times", n)
	}
	d.has(t, "docker.io/library/myapp:dev", thisArch, buildImage(t, thisArch, file{"version", "2"}))
	if _, err := obtain(t, s, "myapp:dev"); err != nil || d.saves() != 2 {
		t.Errorf("a name that moved: %v, copied %d times", err, d.saves())
	}
	if one, two := version(t, s, "t1", "myapp:dev"), version(t, s, "t2", "myapp:dev"); one != "1" || two != "2" {
		t.Errorf("the task from before has version %s, the one from after %s", one, two)
	}
	d.server.Close()
	if _, err := obtain(t, s, "myapp:dev"); err != nil {
		t.Errorf("with Docker gone: %v", err)
	}
}

func TestConcurrentStartsCopyOnce(t *testing.T) {
	d := newDocker(t)
	s := storeBesideDocker(t, d, "")
	d.has(t, "docker.io/library/myapp:dev", thisArch, buildImage(t, thisArch, file{"version", strings.Repeat("1", 1<<20)}))
	var starts sync.WaitGroup
	for range 20 {
		starts.Go(func() {
			if _, err := obtain(t, s, "myapp:dev"); err != nil {
				t.Error(err)
			}
		})
	}
	starts.Wait()
	if n := d.saves(); n != 1 {
		t.Errorf("copied %d times", n)
	}
}

func TestWhichOfTwoImagesOfAName(t *testing.T) {
	registry, d := newRegistry(t, false), newDocker(t)
	s := storeBesideDocker(t, d, "")
	ref := registry.push(t, "app:v1", buildImage(t, thisArch, file{"version", "registry's"}))
	old := buildImage(t, thisArch, file{"version", "Docker's"})
	use := func(want, why string) {
		t.Helper()
		if _, err := obtain(t, s, ref); err != nil {
			t.Fatal(err)
		}
		if got := version(t, s, "t-"+why, ref); got != want {
			t.Errorf("%s: it is the %s image, not the %s", why, got, want)
		}
	}
	d.has(t, ref, "mips", old)
	use("registry's", "Docker has it for another machine")
	image := d.images[ref]
	image.arch, image.tagged = thisArch, time.Now().Add(-time.Hour)
	d.images[ref] = image
	use("registry's", "Docker's is older than what was pulled")
	d.has(t, ref, thisArch, old)
	if err := s.writeDown(inside(t.Context())); err != nil { // which is no sign of a newer image
		t.Fatal(err)
	}
	use("Docker's", "Docker's is newer than what was pulled")
	if _, err := s.Import(t.Context(), strings.NewReader(string(dockerArchive(t, ref, buildImage(t, thisArch, file{"version", "imported"})))), nil); err != nil {
		t.Fatal(err)
	}
	use("imported", "an import is newer than Docker's")
	if _, err := pull(t, s, ref); err != nil {
		t.Fatal(err)
	}
	use("registry's", "it was pulled by hand")
}

func TestDockerHasWhatNoRegistryIsAskedFor(t *testing.T) {
	registry, d := newRegistry(t, false), newDocker(t)
	registry.breaks(func(_ http.ResponseWriter, r *http.Request) bool { t.Errorf("asked for %s", r.URL); return false })
	s := storeBesideDocker(t, d, "")
	pinnedImage := buildImage(t, thisArch, file{"version", "pinned"})
	pinned := registry.name("app@" + pinnedImage.target.Digest.String())
	for _, ref := range []string{registry.name("app:v1"), "nginx", "docker.io/team/app:dev", pinned} {
		image := buildImage(t, thisArch, file{"version", ref})
		name, err := Normalize(ref)
		if err != nil {
			t.Fatal(err)
		}
		d.has(t, name, thisArch, image)
		if ref == pinned {
			kept := d.images[name]
			kept.digest, kept.archive = pinnedImage.target.Digest.String(), ociArchive(t, "", pinnedImage)
			d.images[name] = kept
		}
		if got, err := obtain(t, s, ref); err != nil || got.Origin != engine.FromDocker || got.Name != name {
			t.Errorf("%s: %+v, %v", ref, got, err)
		}
	}
}

func TestADigestThatDockerDoesNotKeepIsPulled(t *testing.T) {
	registry, d := newRegistry(t, false), newDocker(t)
	s := storeBesideDocker(t, d, "")
	image := buildImage(t, thisArch, file{"version", "1"})
	registry.push(t, "app:v1", image)
	pinned := registry.name("app@" + image.target.Digest.String())
	d.has(t, pinned, thisArch, image)
	if got, err := obtain(t, s, pinned); err != nil || got.Origin != engine.FromRegistry || d.saves() != 0 {
		t.Errorf("%+v, %v, %d copies", got, err, d.saves())
	}
}

func TestADockerThatFails(t *testing.T) {
	registry := newRegistry(t, false)
	ref := registry.push(t, "app:v1", buildImage(t, thisArch, file{"version", "1"}))
	hang := func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }
	only := func(path string, fn func(http.ResponseWriter, *http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			return strings.Contains(r.URL.Path, path) && fn(w, r)
		}
	}
	fails := func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		io.WriteString(w, `{"message":"the disk is broken"}`)
		return true
	}
	cut := func(w http.ResponseWriter, _ *http.Request) bool {
		w.Write(dockerArchive(t, "", buildImage(t, thisArch, file{"version", "1"}))[:2048])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	for _, c := range []struct {
		name   string
		breaks func(http.ResponseWriter, *http.Request) bool
		says   string
	}{
		{"it answers with an error", fails, "the disk is broken"},
		{"it never gives the image out", only("/images/get", hang), "copy docker.io/library/myapp:dev from Docker: ask Docker: the transfer stalled"},
		{"it gives half of the image out", only("/images/get", cut), "copy docker.io/library/myapp:dev from Docker: the archive is cut short or damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDocker(t)
			s := storeBesideDocker(t, d, "")
			for _, name := range []string{"docker.io/library/myapp:dev", ref} {
				d.has(t, name, thisArch, buildImage(t, thisArch, file{"version", "1"}))
			}
			d.breaks(c.breaks)
			_, err := obtain(t, s, "myapp:dev")
			var named *engine.Error
			if !errors.As(err, &named) || named.Kind != engine.CannotPullContainer || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want ... %s", err, c.says)
			}
			nothingLeft(t, s)
			if got, err := obtain(t, s, ref); err != nil || got.Origin != engine.FromRegistry {
				t.Errorf("an image of a registry: %+v %v", got, err)
			}
			if _, err := obtain(t, s, ref); err != nil {
				t.Errorf("an image that is present: %v", err)
			}
		})
	}
}

func TestACopyEndsWithItsLastCaller(t *testing.T) {
	d := newDocker(t)
	s := storeBesideDocker(t, d, "")
	d.has(t, "docker.io/library/myapp:dev", thisArch, buildImage(t, thisArch, file{"version", "1"}))
	asked, ended := make(chan struct{}), make(chan struct{})
	d.breaks(func(_ http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/images/get") {
			return false
		}
		close(asked)
		<-r.Context().Done()
		close(ended)
		return true
	})
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() {
		_, err := s.Pull(ctx, engine.PullRequest{Reference: "myapp:dev"}, nil)
		result <- err
	}()
	<-asked
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	<-ended
}
