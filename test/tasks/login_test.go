package tasks

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// TestLoginsOfTheDockerCommand has registries that want the login that a credential helper knows, and nobody else may.
func TestLoginsOfTheDockerCommand(t *testing.T) {
	const secret = "s3cret-of-the-helper"
	r := newRegistry(t)
	behind, err := url.Parse(r.url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(behind)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if _, password, _ := req.BasicAuth(); password != secret {
			w.Header().Set("WWW-Authenticate", `Basic realm="private"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		proxy.ServeHTTP(w, req)
	}))
	t.Cleanup(front.Close)
	host := strings.TrimPrefix(front.URL, "http://")

	port := host[strings.LastIndexByte(host, ':'):]
	home := t.TempDir()
	for path, text := range map[string]string{
		"config/config.json":           fmt.Sprintf(`{"credHelpers": {%q: "test", %q: "broken"}}`, host, "localhost"+port),
		"bin/docker-credential-test":   "#!/bin/sh\necho '{\"Username\":\"me\",\"Secret\":\"" + secret + "\"}'\n",
		"bin/docker-credential-broken": "#!/bin/sh\necho " + secret + "\necho " + secret + " >&2\nexit 3\n",
	} {
		path = filepath.Join(home, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("DOCKER_CONFIG", filepath.Join(home, "config"))
	t.Setenv("PATH", filepath.Join(home, "bin")+":"+os.Getenv("PATH"))
	w := start(t, "--verbose")
	of := func(host string) types.ContainerDefinition {
		c := runs()
		c.Image = aws.String(host + "/probe:1")
		return c
	}
	task := w.one(fargate(of(host)), "RUNNING")
	shim := environmentOfShims(t, w)
	w.endsWell(task)
	broken := w.until("STOPPED", w.run(w.request(fargate(of("localhost" + port))))[0])
	for _, says := range []string{"CannotPullContainerError", "pull access denied, repository does not exist or may require authorization", "docker-credential-broken: exit status 3"} {
		if got := reasons(broken); !strings.Contains(got, says) {
			t.Errorf("%q does not say %q", got, says)
		}
	}
	for what, text := range map[string]string{"the log": w.Wrote(), "a reason": reasons(broken), "a shim's environment": shim} {
		if strings.Contains(text, secret) {
			t.Errorf("%s tells the secret", what)
		}
	}
	err = filepath.WalkDir(w.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // it is gone by now, or nothing to read
		}
		if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte(secret)) {
			t.Errorf("%s holds the secret", path)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// environmentOfShims is that of all shims of a Berth.
func environmentOfShims(t *testing.T, w *world) (all string) {
	t.Helper()
	programs, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, program := range programs {
		path, err := os.Readlink(program)
		if err != nil || !strings.HasPrefix(path, filepath.Join(w.Dir, "bin")) {
			continue
		}
		found = true
		environment, _ := os.ReadFile(filepath.Join(filepath.Dir(program), "environ"))
		all += string(environment)
	}
	if !found {
		t.Error("no shim runs")
	}
	return all
}
