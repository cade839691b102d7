package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"

	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// testRegistry is a real registry in this process, with something in front of it that counts and breaks things.
type testRegistry struct {
	*httptest.Server
	before  atomic.Pointer[func(w http.ResponseWriter, r *http.Request) bool] // true: it has answered
	wrap    atomic.Pointer[func(next http.Handler, w http.ResponseWriter, r *http.Request)]
	fetches sync.Map // path of a blob: *atomic.Int64
}

// bcrypt of "s3cret".
const htpasswd = "user:$2a$04$Y252xSXrotgH6ipOl4TXBucSdlecgbM3MACxj23.OiJhzdz3oE6AK\n"

func newRegistry(t testing.TB, login bool) *testRegistry {
	t.Helper()
	text := "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {inmemory: {}, maintenance: {uploadpurging: {enabled: false}}}\n"
	if login {
		path := filepath.Join(t.TempDir(), "htpasswd")
		if err := os.WriteFile(path, []byte(htpasswd), 0o600); err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprintf("auth: {htpasswd: {realm: test, path: %s}}\n", path)
	}
	config, err := configuration.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	app := handlers.NewApp(context.Background(), config)
	r := &testRegistry{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if before := r.before.Load(); before != nil && (*before)(w, req) {
			return
		}
		if req.Method == http.MethodGet && strings.Contains(req.URL.Path, "/blobs/sha256:") {
			count, _ := r.fetches.LoadOrStore(req.URL.Path, new(atomic.Int64))
			count.(*atomic.Int64).Add(1)
		}
		if wrap := r.wrap.Load(); wrap != nil {
			(*wrap)(app, w, req)
			return
		}
		app.ServeHTTP(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

// breaks sends requests to fn first; fn says whether it has answered.
func (r *testRegistry) breaks(fn func(w http.ResponseWriter, r *http.Request) bool) {
	r.before.Store(&fn)
}

// around has fn answer requests, by the registry if it wants.
func (r *testRegistry) around(fn func(next http.Handler, w http.ResponseWriter, r *http.Request)) {
	r.wrap.Store(&fn)
}

func (r *testRegistry) name(repository string) string {
	return strings.TrimPrefix(r.URL, "http://") + "/" + repository
}

func (r *testRegistry) push(t testing.TB, repository string, image testImage) string {
	t.Helper()
	path, tag, _ := strings.Cut(repository, ":")
	do := func(method, url, contentType string, body []byte) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", contentType)
		req.SetBasicAuth("user", "s3cret")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if answer, _ := io.ReadAll(resp.Body); resp.StatusCode > 299 {
			t.Fatalf("%s %s: %s %s", method, url, resp.Status, answer)
		}
		return resp
	}
	for _, b := range image.blobs {
		if strings.Contains(b.desc.MediaType, "manifest") || strings.Contains(b.desc.MediaType, "index") {
			reference := b.desc.Digest.String()
			if b.desc.Digest == image.target.Digest {
				reference = tag
			}
			do(http.MethodPut, r.URL+"/v2/"+path+"/manifests/"+reference, b.desc.MediaType, b.data)
			continue
		}
		place, err := url.Parse(do(http.MethodPost, r.URL+"/v2/"+path+"/blobs/uploads/", "", nil).Header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		query := place.Query()
		query.Set("digest", b.desc.Digest.String())
		place.RawQuery = query.Encode()
		do(http.MethodPut, place.String(), "application/octet-stream", b.data)
	}
	return r.name(repository)
}

func pull(t testing.TB, s *Store, ref string) (engine.Image, error) {
	t.Helper()
	return s.Pull(t.Context(), engine.PullRequest{Reference: ref, Policy: engine.PullAlways}, nil)
}

func TestPullFromARegistry(t *testing.T) {
	for _, login := range []bool{false, true} {
		t.Run(fmt.Sprintf("login=%t", login), func(t *testing.T) {
			registry, s := newRegistry(t, login), testStore(t, t.TempDir())
			image := buildImage(t, thisArch, file{"one", "1"}, file{"two", "2"})
			req := engine.PullRequest{Reference: registry.push(t, "team/app:v1", image)}
			if login {
				_, err := s.Pull(t.Context(), req, nil)
				if err == nil || !strings.Contains(err.Error(), "pull access denied, repository does not exist or may require authorization") {
					t.Errorf("anonymous: %v", err)
				}
				req.Auth = &engine.RegistryAuth{Username: "user", Password: "wrong"}
				if _, err := s.Pull(t.Context(), req, nil); err == nil || strings.Contains(err.Error(), "wrong") {
					t.Errorf("wrong password: %v", err)
				}
				nothingLeft(t, s)
				req.Auth.Password = "s3cret"
			}
			var last engine.PullProgress
			got, err := s.Pull(t.Context(), req, func(p engine.PullProgress) { last = p })
			if err != nil {
				t.Fatal(err)
			}
			if got.Name != req.Reference || got.Digest != image.target.Digest.String() || got.Size == 0 {
				t.Errorf("got %+v", got)
			}
			if last.Status != "done" || last.Layers != 2 || last.Done != 2 || last.Bytes == 0 || last.Complete != last.Bytes {
				t.Errorf("last progress %+v", last)
			}
			root, err := s.Prepare(t.Context(), "t1", "app", req.Reference, "")
			if err != nil {
				t.Fatal(err)
			}
			if one, two := read(t, root, "one"), read(t, root, "two"); one != "1" || two != "2" {
				t.Errorf("files read %q, %q", one, two)
			}
			if root.Digest != got.Digest || len(root.Config.Cmd) != 1 || root.Config.Cmd[0] != "/one" {
				t.Errorf("root %+v", root)
			}
			registry.Close()
			if _, err := s.Pull(t.Context(), req, nil); err != nil {
				t.Errorf("a present image asks the registry: %v", err)
			}
		})
	}
}

func TestPullFailures(t *testing.T) {
	registry, s := newRegistry(t, false), testStore(t, t.TempDir())
	good := registry.push(t, "app:v1", buildImage(t, thisArch, file{"one", "1"}))
	foreign := registry.push(t, "foreign:v1", buildImage(t, "mips", file{"one", "m"}))
	foreignIndex := registry.push(t, "foreign:v2", buildIndex(t, map[string]testImage{"mips": buildImage(t, "mips", file{"one", "m"})}))
	absent := registry.name("absent:v1")
	unused := httptest.NewServer(nil)
	unused.Close()
	nobody := strings.TrimPrefix(unused.URL, "http://") + "/app:v1"
	hang := func(w http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }
	blob := func(fn func(w http.ResponseWriter, r *http.Request)) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "/blobs/") {
				fn(w, r)
				return true
			}
			return false
		}
	}
	for _, c := range []struct {
		name, ref string
		breaks    func(http.ResponseWriter, *http.Request) bool
		says      string
	}{
		{"a bad reference", "UPPER//x", nil, `invalid image reference "UPPER//x": invalid reference format`},
		{"an image that is not there", absent, nil, "pull image manifest has been retried 1 time(s): failed to resolve ref " + absent + ": not found"},
		{"an image for another machine", foreign, nil, "image Manifest does not contain descriptor matching platform 'linux/" + thisArch},
		{"an index for other machines", foreignIndex, nil, "image Manifest does not contain descriptor matching platform 'linux/" + thisArch},
		{"nobody listens", nobody, nil, "pull image manifest has been retried 3 time(s): failed to resolve ref " + nobody + ": failed to do request"},
		{"another machine without TLS", "127.0.0.1.example.invalid/app", nil, "failed to do request: Head \"https://"},
		{"a registry that never answers", good, hang, "pull image manifest has been retried 1 time(s): failed to resolve ref " + good + ": failed to do request: Head \"http://"},
		{"a registry that fails", good, func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(503); return true }, "retried 3 time(s): failed to resolve ref " + good + ": unexpected status from HEAD request"},
		{"a blob that stops coming", good, blob(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100000")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}), "ref pull has been retried 3 time(s): failed to copy: the transfer stalled: nothing from " + strings.TrimPrefix(registry.URL, "http://") + " for 200ms"},
		{"a blob with other content", good, blob(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, strings.Repeat("x", 4096)) }), "ref pull has been retried 1 time(s)"},
		{"a token that never ends", good, func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/token" {
				w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/token",service="x"`)
				w.WriteHeader(401)
				return true
			}
			for io.WriteString(w, `{"token":"`); r.Context().Err() == nil; {
				io.WriteString(w, strings.Repeat("x", 65536))
			}
			return true
		}, "longer than any token"},
		{"a redirect that drops TLS", good, blob(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/blob", http.StatusTemporaryRedirect)
		}), "plain http is spoken only to a registry on this machine"},
	} {
		t.Run(c.name, func(t *testing.T) {
			registry.before.Store(nil)
			if c.breaks != nil {
				registry.breaks(c.breaks)
			}
			_, err := pull(t, s, c.ref)
			var named *engine.Error
			if !errors.As(err, &named) || named.Kind != engine.CannotPullContainer || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got  %v\nwant CannotPullContainerError: ... %s", err, c.says)
			}
			if _, err := s.dropUnfinished(inside(t.Context()), time.Now(), true); err != nil { // it waits for the next pull
				t.Error(err)
			}
			nothingLeft(t, s)
		})
	}
}

func TestAPullGoesOnAfterAFailureThatPasses(t *testing.T) {
	registry, s := newRegistry(t, false), testStore(t, t.TempDir())
	ref := registry.push(t, "app:v1", buildImage(t, thisArch, file{"one", strings.Repeat("1", 1<<20)}))
	var failed atomic.Int64
	registry.breaks(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") || failed.Add(1) > 2 {
			return false
		}
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}
		return true
	})
	if _, err := pull(t, s, ref); err != nil {
		t.Fatal(err)
	}
	if failed.Load() < 3 {
		t.Errorf("only %d blob requests", failed.Load())
	}
}

func TestConcurrentPullsShareTheWork(t *testing.T) {
	registry, s := newRegistry(t, false), testStore(t, t.TempDir())
	shared := file{"shared", strings.Repeat("s", 1<<20)}
	first, second := buildImage(t, thisArch, shared), buildImage(t, thisArch, shared, file{"more", "2"})
	refs := []string{registry.push(t, "app:v1", first), registry.push(t, "app:v2", second)}
	var pulls sync.WaitGroup
	for i := range 20 {
		pulls.Go(func() {
			if _, err := pull(t, s, refs[i%2]); err != nil {
				t.Error(err)
			}
		})
	}
	pulls.Wait()
	count, _ := registry.fetches.Load("/v2/app/blobs/" + first.layer().desc.Digest.String())
	if n := count.(*atomic.Int64).Load(); n != 1 {
		t.Errorf("the shared layer was fetched %d times", n)
	}
}

func TestAPullEndsWithItsLastCaller(t *testing.T) {
	registry, s := newRegistry(t, false), testStore(t, t.TempDir())
	s.config.Stall, s.registry.ResponseHeaderTimeout = time.Hour, time.Hour
	asked, ended := make(chan struct{}), make(chan struct{})
	registry.breaks(func(w http.ResponseWriter, r *http.Request) bool {
		close(asked)
		<-r.Context().Done()
		close(ended)
		return true
	})
	ctx, cancel := context.WithCancel(t.Context())
	second, cancelSecond := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	for _, ctx := range []context.Context{ctx, second} {
		callers.Go(func() {
			_, err := s.Pull(ctx, engine.PullRequest{Reference: registry.name("app:v1")}, nil)
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	<-asked
	cancel()
	select {
	case <-ended:
		t.Error("it ended with the first caller")
	default:
	}
	cancelSecond()
	callers.Wait()
	<-ended
}

func TestPullAlwaysSeesATagThatMoved(t *testing.T) {
	registry, s := newRegistry(t, false), testStore(t, t.TempDir())
	old := buildImage(t, thisArch, file{"version", "old"})
	ref := registry.push(t, "app:latest", old)
	if _, err := pull(t, s, ref); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Prepare(t.Context(), "t1", "app", ref, ""); err != nil {
		t.Fatal(err)
	}
	moved := registry.push(t, "app:latest", buildImage(t, thisArch, file{"version", "new"}))
	got, err := s.Pull(t.Context(), engine.PullRequest{Reference: moved}, nil)
	if err != nil || got.Digest != old.target.Digest.String() {
		t.Errorf("PullIfAbsent: %v %v", got, err)
	}
	if _, err := pull(t, s, ref); err != nil {
		t.Fatal(err)
	}
	if err := s.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	for task, want := range map[string]string{"t1": "old", "t2": "new"} {
		root, err := s.Prepare(t.Context(), task, "app", ref, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, root, "version"); got != want {
			t.Errorf("task %s has the %s image, not the %s one", task, got, want)
		}
	}
	byDigest, err := pull(t, s, registry.name("app:gone@"+old.target.Digest.String()))
	if err != nil || byDigest.Name != registry.name("app@"+old.target.Digest.String()) {
		t.Errorf("by digest: %v %v", byDigest, err)
	}
}

// A layer that is cut off goes on where it stopped: what has come is not sent again.
func TestALayerThatIsCutOffGoesOn(t *testing.T) {
	registry, s := newRegistry(t, false), testStore(t, t.TempDir())
	image := buildImage(t, thisArch, file{"one", strings.Repeat("1", 4<<20)})
	ref := registry.push(t, "app:v1", image)
	layer := image.layer()
	var cut atomic.Bool
	var from atomic.Int64
	registry.breaks(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/blobs/"+layer.desc.Digest.String()) {
			return false
		}
		if cut.Swap(true) {
			var start int64
			if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &start); err == nil {
				from.Store(start)
			}
			return false
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(layer.data)))
		w.Write(layer.data[:2<<20])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	if _, err := pull(t, s, ref); err != nil {
		t.Fatal(err)
	}
	if from.Load() == 0 {
		t.Error("it began anew")
	}
}

// What repeating does not mend is not repeated.
func TestARefusalIsNotRepeated(t *testing.T) {
	registry, s := newRegistry(t, false), testStore(t, t.TempDir())
	var asked atomic.Int64
	for status, want := range map[int]string{
		401: "pull access denied, repository does not exist or may require authorization", 403: "pull access denied, repository does not exist or may require authorization",
		404: "not found", 400: "unexpected status", 429: "retried 3 time(s)", 500: "retried 3 time(s)", 503: "retried 3 time(s)",
	} {
		asked.Store(0)
		registry.breaks(func(w http.ResponseWriter, r *http.Request) bool {
			asked.Add(1)
			w.WriteHeader(status)
			return true
		})
		_, err := pull(t, s, registry.name("app:v1"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: got %v", status, err)
		}
		if again := strings.Contains(fmt.Sprint(err), "retried 3"); again != (status == 429 || status >= 500) {
			t.Errorf("%d: asked %d times: %v", status, asked.Load(), err)
		}
	}
}
