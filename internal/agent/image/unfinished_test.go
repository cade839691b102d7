package image

import (
	"context"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/opencontainers/go-digest"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// bigImage has a layer that nothing makes much smaller.
func bigImage(t testing.TB) (image testImage, layer digest.Digest, size int64) {
	noise := make([]byte, 1<<20)
	random := rand.NewChaCha8([32]byte{1})
	random.Read(noise)
	image = buildImage(t, thisArch, file{"noise", string(noise)})
	for _, b := range image.blobs {
		if b.desc.Size > size {
			layer, size = b.desc.Digest, b.desc.Size
		}
	}
	return image, layer, size
}

// short is an answer whose connection ends after some bytes of its body.
type short struct {
	http.ResponseWriter
	left int
	then func() // called before; nil: nothing is
}

func (s *short) Write(p []byte) (int, error) {
	if len(p) <= s.left {
		s.left -= len(p)
		return s.ResponseWriter.Write(p)
	}
	s.ResponseWriter.Write(p[:s.left])
	s.ResponseWriter.(http.Flusher).Flush()
	if s.then != nil {
		s.then()
	}
	panic(http.ErrAbortHandler)
}

func (s *Store) pullsUnderWay() int {
	s.pulling.mu.Lock()
	defer s.pulling.mu.Unlock()
	return len(s.pulling.names)
}

func isPull(l leases.Lease) bool { return strings.HasPrefix(l.ID, pullPrefix) }

func TestAPullThatIsCutOffGoesOn(t *testing.T) {
	registry, dir := newRegistry(t, false), t.TempDir()
	image, layer, size := bigImage(t)
	ref := registry.push(t, "app:v1", image)
	var mu sync.Mutex
	var asked []string
	cuts, part := true, int(size)/4
	registry.around(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/blobs/"+layer.String()) {
			mu.Lock()
			defer mu.Unlock()
			if asked = append(asked, r.Header.Get("Range")); cuts {
				w = &short{ResponseWriter: w, left: part}
				part = 0
			}
		}
		next.ServeHTTP(w, r)
	})
	s := testStore(t, dir)
	if _, err := pull(t, s, ref); err == nil || !strings.Contains(err.Error(), "retried 3 time(s)") {
		t.Fatalf("a layer that is always cut off: %v", err)
	}
	s.Close()
	mu.Lock()
	cuts, asked = false, nil
	mu.Unlock()

	s = testStore(t, dir) // the next agent
	if err := s.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	var last engine.PullProgress
	if _, err := s.Pull(t.Context(), engine.PullRequest{Reference: ref, Policy: engine.PullAlways}, func(p engine.PullProgress) { last = p }); err != nil {
		t.Fatal(err)
	}
	if len(asked) != 1 || !strings.HasPrefix(asked[0], "bytes=") || asked[0] == "bytes=0-" {
		t.Errorf("asked for %q of the layer", asked)
	}
	if last.Complete != last.Bytes {
		t.Errorf("%d of %d bytes came", last.Complete, last.Bytes)
	}
	if left, _ := s.leases.List(inside(t.Context())); slices.ContainsFunc(left, isPull) {
		t.Errorf("a pull that is done holds %+v", left)
	}
}

func TestWhatACutOffPullLeftGoesWhenItIsNotWanted(t *testing.T) {
	for name, drop := range map[string]func(t *testing.T, s *Store){
		"pruned": func(t *testing.T, s *Store) {
			if _, err := s.Prune(t.Context(), engine.PruneRequest{}); err != nil {
				t.Error(err)
			}
		},
		"the disk is full": func(t *testing.T, s *Store) {
			if _, err := s.cleanUp(inside(t.Context()), Cleanup{High: 50, Low: 40, Used: func() (int, error) { return 60, nil }}); err != nil {
				t.Error(err)
			}
		},
		"expired": func(t *testing.T, s *Store) {
			if dropped, err := s.dropUnfinished(inside(t.Context()), time.Now().Add(keptFor/2), false); err != nil || dropped {
				t.Errorf("too early: %v %v", dropped, err)
			}
			if dropped, err := s.dropUnfinished(inside(t.Context()), time.Now().Add(keptFor+time.Minute), false); err != nil || !dropped {
				t.Errorf("late: %v %v", dropped, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			registry, dir := newRegistry(t, false), t.TempDir()
			image, layer, size := bigImage(t)
			ref := registry.push(t, "app:v1", image)
			ctx, cancel := context.WithCancel(t.Context())
			registry.around(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/blobs/"+layer.String()) {
					w = &short{ResponseWriter: w, left: int(size) / 2, then: cancel}
				}
				next.ServeHTTP(w, r)
			})
			s := testStore(t, dir)
			if _, err := s.Pull(ctx, engine.PullRequest{Reference: ref}, nil); err == nil {
				t.Fatal("it was pulled")
			}
			for s.pullsUnderWay() > 0 { // it ends on its own
				runtime.Gosched()
			}
			drop(t, s)
			if err := s.Collect(t.Context()); err != nil {
				t.Fatal(err)
			}
			if left, _ := os.ReadDir(filepath.Join(dir, "content/ingest")); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			nothingLeft(t, s)
		})
	}
}

func TestADamagedPartIsFetchedAgain(t *testing.T) {
	registry, dir := newRegistry(t, false), t.TempDir()
	image, layer, size := bigImage(t)
	ref := registry.push(t, "app:v1", image)
	cut, part := true, int(size)/4
	registry.around(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		if cut && strings.HasSuffix(r.URL.Path, "/blobs/"+layer.String()) {
			w = &short{ResponseWriter: w, left: part}
			part = 0
		}
		next.ServeHTTP(w, r)
	})
	s := testStore(t, dir)
	if _, err := pull(t, s, ref); err == nil {
		t.Fatal("it was pulled")
	}
	s.Close()
	parts, _ := filepath.Glob(filepath.Join(dir, "content/ingest/*/data"))
	if len(parts) != 1 {
		t.Fatalf("parts: %v", parts)
	}
	if f, err := os.OpenFile(parts[0], os.O_WRONLY, 0); err != nil {
		t.Fatal(err)
	} else if _, err = f.WriteAt([]byte("damage"), 100); err != nil {
		t.Fatal(err)
	} else {
		f.Close()
	}
	cut = false
	if _, err := pull(t, testStore(t, dir), ref); err != nil {
		t.Error(err)
	}
}
