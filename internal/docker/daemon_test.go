package docker

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/distribution/reference"
)

// serve answers as a daemon of an API version on a socket, and has one image, whose id says which daemon it is.
func serve(t testing.TB, socket, version string) *httptest.Server {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", version)
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/_ping":
		case r.URL.Path == "/v"+version+"/images/docker.io/library/app:v1/json":
			fmt.Fprintf(w, `{"Id": %q, "Os": "linux", "Architecture": "amd64", "Size": 7}`, socket)
		case !strings.HasPrefix(r.URL.Path, "/v"+version+"/"):
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"message": "client version is too new. Maximum supported API version is %s"}`, version)
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"message": "no such thing"}`)
		}
	}))
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return server
}

func app(t testing.TB, version string) reference.Named {
	t.Helper()
	name, err := reference.ParseDockerRef("app:" + version)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestTheDaemonThatThePersonChose(t *testing.T) {
	dir := t.TempDir()
	byHost, byContext, own := filepath.Join(dir, "host.sock"), filepath.Join(dir, "context.sock"), filepath.Join(dir, ".docker/run/docker.sock")
	for _, socket := range []string{byHost, byContext, own} {
		serve(t, socket, "1.41")
	}
	meta := fmt.Sprintf("%x", sha256.Sum256([]byte("mine")))
	write(t, filepath.Join(dir, ".docker/contexts/meta", meta, "meta.json"), fmt.Sprintf(`{"Name": "mine", "Metadata": {}, "Endpoints": {"docker": {"Host": "unix://%s"}}}`, byContext), 0o600)
	for _, c := range []struct {
		name, settings string
		env            map[string]string
		want           string
		says           string
	}{
		{"by DOCKER_HOST", `{"currentContext": "mine"}`, map[string]string{"DOCKER_HOST": "unix://" + byHost, "DOCKER_CONTEXT": "other"}, byHost, ""},
		{"by DOCKER_CONTEXT", `{}`, map[string]string{"DOCKER_CONTEXT": "mine"}, byContext, ""},
		{"by the current context", `{"currentContext": "mine"}`, nil, byContext, ""},
		{"in their home", `{"currentContext": "default"}`, nil, own, ""},
		{"on another machine", `{}`, map[string]string{"DOCKER_HOST": "tcp://10.0.0.1:2375"}, "", "is set to tcp://10.0.0.1:2375"},
		{"by a context that is gone", `{"currentContext": "other"}`, nil, "", `docker context "other"`},
		{"by a socket that is gone", `{}`, map[string]string{"DOCKER_HOST": "unix://" + dir + "/none.sock"}, "", ErrNoDaemon.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := os.Stat("/var/run/docker.sock"); err == nil && c.want == own {
				t.Skip("this machine has a Docker, which comes first")
			}
			write(t, filepath.Join(dir, ".docker/config.json"), c.settings, 0o600)
			p := Person{UID: 1 << 30, Home: dir, Lookup: func(name string) string { return c.env[name] }}
			d := NewDaemon(p, "")
			defer d.Close()
			got, err := d.Image(t.Context(), app(t, "v1"))
			if got.ID != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestWhatTheDaemonAnswers(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "docker.sock")
	d := NewDaemon(Person{}, socket)
	defer d.Close()
	if _, err := d.Image(t.Context(), app(t, "v1")); !errors.Is(err, ErrNoDaemon) {
		t.Errorf("nobody listens: %v", err)
	}
	old := serve(t, socket, "1.39")
	if _, err := d.Image(t.Context(), app(t, "v1")); err == nil || errors.Is(err, ErrNoDaemon) || errors.Is(err, ErrNoImage) {
		t.Errorf("one that is too old: %v", err)
	}
	old.Close()
	for _, version := range []string{"1.40", "1.41", "1.56"} {
		d, socket := NewDaemon(Person{}, socket+version), socket+version
		server := serve(t, socket, version)
		if got, err := d.Image(t.Context(), app(t, "v1")); err != nil || got.ID != socket || got.Size != 7 || got.Platform.Architecture != "amd64" {
			t.Errorf("version %s: %+v, %v", version, got, err)
		}
		if _, err := d.Image(t.Context(), app(t, "v2")); !errors.Is(err, ErrNoImage) {
			t.Errorf("version %s, an image that is not there: %v", version, err)
		}
		server.Close()
		if _, err := d.Image(t.Context(), app(t, "v1")); !errors.Is(err, ErrNoDaemon) {
			t.Errorf("version %s, it is gone: %v", version, err)
		}
		d.Close()
	}
}
