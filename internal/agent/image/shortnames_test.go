package image

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/image/shortname"
)

// asHub has a store take a registry for Docker Hub.
func asHub(t testing.TB, registry *testRegistry) (registries string) {
	t.Helper()
	dir := t.TempDir()
	writeHosts(t, dir, "docker.io", fmt.Sprintf("server = %q\n", registry.URL))
	return dir
}

func writeHosts(t testing.TB, dir, host, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, host), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, host, "hosts.toml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestWhichNamesAreDockerHubs(t *testing.T) {
	hub, d := newRegistry(t, false), newDocker(t)
	var asked atomic.Int64
	image := buildImage(t, thisArch, file{"version", "hub's"})
	for _, repository := range []string{"library/nginx:latest", "library/nginx:1.29", "library/myapp:latest", "library/myapp:dev", "grafana/grafana:12.0", "team/app:latest", "team/web:v1"} {
		hub.push(t, repository, image)
	}
	hub.breaks(func(http.ResponseWriter, *http.Request) bool { asked.Add(1); return false })
	registries := asHub(t, hub)
	for _, c := range []struct {
		name   string
		rule   *shortname.Rule
		ref    string
		refuse string // what the message tells to write; empty: it is pulled
	}{
		{"a name of one's own", &shortname.Rule{}, "myapp", "write docker.io/library/myapp:latest, or start berth dev with --docker-hub myapp"},
		{"a name of one's own with a tag", &shortname.Rule{}, "myapp:dev", "write docker.io/library/myapp:dev, or"},
		{"a name of one's team", &shortname.Rule{}, "team/app", "write docker.io/team/app:latest, or start berth dev with --docker-hub team/"},
		{"an official image", &shortname.Rule{}, "nginx", ""},
		{"an official image with a tag", &shortname.Rule{}, "nginx:1.29", ""},
		{"a known publisher", &shortname.Rule{}, "grafana/grafana:12.0", ""},
		{"written in full", &shortname.Rule{}, "docker.io/library/myapp", ""},
		{"written in full with the old host", &shortname.Rule{}, "index.docker.io/team/app", ""},
		{"Docker Hub's own namespace", &shortname.Rule{}, "library/myapp", ""},
		{"a namespace that was named", &shortname.Rule{Hub: []string{"team/"}}, "team/web:v1", ""},
		{"a repository that was named", &shortname.Rule{Hub: []string{"team/app"}}, "team/app", ""},
		{"another repository of it", &shortname.Rule{Hub: []string{"team/app"}}, "team/web:v1", "team/"},
		{"a name that was named", &shortname.Rule{Hub: []string{"myapp"}}, "myapp:dev", ""},
		{"all names were named", &shortname.Rule{Hub: []string{"all"}}, "team/app", ""},
		{"no rule as on a server", nil, "team/app", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := storeBesideDocker(t, d, registries)
			s.config.ShortNames = c.rule
			asked.Store(0)
			got, err := obtain(t, s, c.ref)
			switch {
			case c.refuse == "" && (err != nil || got.Origin != engine.FromRegistry):
				t.Errorf("not pulled: %v", err)
			case c.refuse != "" && (err == nil || !strings.Contains(err.Error(), c.refuse) || !strings.Contains(err.Error(), "docker build -t "+c.ref+" .")):
				t.Errorf("got %v", err)
			case c.refuse != "" && asked.Load() > 0:
				t.Errorf("Docker Hub was asked %d times", asked.Load())
			}
		})
	}
	t.Run("a name of one's own that was imported", func(t *testing.T) {
		s := storeBesideDocker(t, d, registries)
		if _, err := s.Import(t.Context(), strings.NewReader(string(dockerArchive(t, "myapp:dev", image))), nil); err != nil {
			t.Fatal(err)
		}
		if got, err := obtain(t, s, "myapp:dev"); err != nil || got.Origin != engine.FromArchive {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestRegistriesAsHostsTomlHasThem(t *testing.T) {
	mirror, origin := newRegistry(t, false), newRegistry(t, false)
	image := buildImage(t, thisArch, file{"version", "1"})
	mirror.push(t, "team/app:v1", image)
	dir := t.TempDir()
	// By another name than 127.0.0.1, so that plain http has to be allowed.
	text := fmt.Sprintf("server = %q\n[host.%q]\n  capabilities = [\"pull\", \"resolve\"]\n", origin.URL, mirror.URL)
	writeHosts(t, dir, "registry.example.com", text)
	s := openStore(t, Config{Dir: t.TempDir(), Registries: dir})
	if got, err := pull(t, s, "registry.example.com/team/app:v1"); err != nil || got.Name != "registry.example.com/team/app:v1" {
		t.Errorf("by its mirror: %+v, %v", got, err)
	}
	mirror.Close()
	origin.push(t, "team/app:v2", image)
	if _, err := pull(t, s, "registry.example.com/team/app:v2"); err != nil {
		t.Errorf("with the mirror gone: %v", err)
	}
	writeHosts(t, dir, "broken.example.com", "server = [")
	if _, err := pull(t, s, "broken.example.com/app:v1"); err == nil || !strings.Contains(err.Error(), "the settings of broken.example.com: "+dir) {
		t.Errorf("settings that are broken: %v", err)
	}
}

// FuzzShortNames holds that what counts as Docker Hub's is the same for every way of writing the same reference.
func FuzzShortNames(f *testing.F) {
	for _, ref := range []string{"nginx", "team/app:dev", "docker.io/x", "localhost/x", "a.b/c", "library/x", "x@sha256:" + strings.Repeat("0", 64), "", "/", "A/b"} {
		f.Add(ref)
	}
	f.Fuzz(func(t *testing.T, ref string) {
		name, err := Normalize(ref)
		if err != nil {
			return
		}
		if shortname.Is(name) {
			t.Errorf("%q: its full name %s is short", ref, name)
		}
		if shortname.Is(ref) && !strings.HasPrefix(name, "docker.io/") {
			t.Errorf("%q is short and stands for %s", ref, name)
		}
		if err := (&shortname.Rule{Hub: []string{"all"}}).Check(ref); err != nil {
			t.Errorf("%q: %v", ref, err)
		}
	})
}
