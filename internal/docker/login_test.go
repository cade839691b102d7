package docker

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// person has a home of their own with these settings, and is nobody where the test may be somebody else.
func person(t testing.TB, settings string) Person {
	t.Helper()
	home := t.TempDir()
	write(t, filepath.Join(home, ".docker", "config.json"), settings, 0o600)
	p := Person{UID: uint32(os.Getuid()), GID: uint32(os.Getgid()), Home: home, Name: "tester", Lookup: func(string) string { return "" }}
	if p.UID == 0 {
		p.UID, p.GID, p.Groups = 65534, 65534, []uint32{65534}
		for dir := home; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	return p
}

func write(t testing.TB, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// helpers puts credential helpers in PATH, each a shell script that has the registry in $server and the action in $1.
func helpers(t testing.TB, p Person, scripts map[string]string) {
	t.Helper()
	dir := filepath.Join(p.Home, "bin")
	for name, script := range scripts {
		write(t, filepath.Join(dir, "docker-credential-"+name), "#!/bin/sh\nread server\n"+script, 0o755)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func TestLoginsOfTheSettings(t *testing.T) {
	auth := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for _, c := range []struct {
		name, settings, registry string
		want                     Login
		says                     string
	}{
		{"Docker Hub's", fmt.Sprintf(`{"auths": {"https://index.docker.io/v1/": {"auth": %q}}}`, auth("me:p:w")), "registry-1.docker.io", Login{Username: "me", Password: "p:w"}, ""},
		{"a registry's with a port", fmt.Sprintf(`{"auths": {"127.0.0.1:5000": {"auth": %q}}}`, auth("me:pw")), "127.0.0.1:5000", Login{Username: "me", Password: "pw"}, ""},
		{"another port's", fmt.Sprintf(`{"auths": {"127.0.0.1:5000": {"auth": %q}}}`, auth("me:pw")), "127.0.0.1:5001", Login{}, ""},
		{"as an old command wrote it", fmt.Sprintf(`{"auths": {"https://ghcr.io/v1/": {"auth": %q}}}`, auth("me:pw")), "ghcr.io", Login{Username: "me", Password: "pw"}, ""},
		{"an identity token", fmt.Sprintf(`{"auths": {"x.azurecr.io": {"auth": %q, "identitytoken": "T"}}}`, auth("0:")), "x.azurecr.io", Login{Username: "0", IdentityToken: "T"}, ""},
		{"in plain words", `{"auths": {"ghcr.io": {"username": "me", "password": "pw"}}}`, "ghcr.io", Login{Username: "me", Password: "pw"}, ""},
		{"none", `{"auths": {}}`, "ghcr.io", Login{}, ""},
		{"none, in an entry of its own", `{"auths": {"ghcr.io": {}}}`, "ghcr.io", Login{}, ""},
		{"members that are unknown", `{"auths": {"ghcr.io": {"auth": "` + auth("me:pw") + `", "x": 1}}, "HttpHeaders": {"a": "b"}}`, "ghcr.io", Login{Username: "me", Password: "pw"}, ""},
		{"no base64", `{"auths": {"ghcr.io": {"auth": "s3cret!"}}}`, "ghcr.io", Login{}, "the login of ghcr.io in the docker command's settings: its auth is not"},
		{"no JSON", `s3cret`, "ghcr.io", Login{}, "is not the JSON that the docker command writes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := person(t, c.settings).Login(t.Context(), c.registry)
			if got != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%t, %v", got == c.want, err)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("it tells what is in the file: %v", err)
			}
		})
	}
	if got, err := (Person{Home: t.TempDir()}).Login(t.Context(), "ghcr.io"); got != (Login{}) || err != nil {
		t.Errorf("without a file: %v", err)
	}
	if got := fmt.Sprintf("%v %+v %#v %s", Login{Password: "s3cret"}, Login{Password: "s3cret"}, Login{Password: "s3cret"}, Login{Password: "s3cret"}); strings.Contains(got, "s3cret") {
		t.Errorf("a login prints as %s", got)
	}
}

func TestLoginsOfHelpers(t *testing.T) {
	const all = `{"credsStore": "all", "credHelpers": {"own.example.com": "own", "gone.example.com": "gone", "path.example.com": "../../x"}, "auths": {"file.example.com": {"username": "file", "password": "pw"}}}`
	p := person(t, all)
	helpers(t, p, map[string]string{
		"all": `case $server in
https://index.docker.io/v1/) echo '{"ServerURL":"x","Username":"hub","Secret":"pw"}';;
token.example.com) echo '{"Username":"<token>","Secret":"T"}';;
who.example.com) printf '{"Username":"%s","Secret":"%s"}' "$(id -u)" "$HOME";;
angry.example.com) echo 's3cret and more'; exit 1;;
odd.example.com) echo 's3cret';;
*) echo 'credentials not found in native keychain'; exit 1;;
esac`,
		"own": `echo "{\"Username\":\"$1\",\"Secret\":\"$server\"}"`,
	})
	for _, c := range []struct {
		registry string
		want     Login
		says     string
	}{
		{"docker.io", Login{Username: "hub", Password: "pw"}, ""},
		{"token.example.com", Login{IdentityToken: "T"}, ""},
		{"own.example.com", Login{Username: "get", Password: "own.example.com"}, ""},
		{"file.example.com", Login{Username: "file", Password: "pw"}, ""},
		{"nobody.example.com", Login{}, ""},
		{"who.example.com", Login{Username: strconv.Itoa(int(p.UID)), Password: p.Home}, ""},
		{"angry.example.com", Login{}, "docker-credential-all: exit status 1"},
		{"odd.example.com", Login{}, "docker-credential-all: its answer is not a credential helper's"},
		{"gone.example.com", Login{}, "docker-credential-gone: no such program in PATH"},
		{"path.example.com", Login{}, "docker-credential-../../x: that is no helper's name"},
	} {
		got, err := p.Login(t.Context(), c.registry)
		if got != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %q %q %q, %v", c.registry, got.Username, got.Password, got.IdentityToken, err)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: it tells what the helper said: %v", c.registry, err)
		}
	}
}

// A helper that waits for its person is ended with all that it started, when nobody wants the login any more.
func TestAHelperThatNeverAnswers(t *testing.T) {
	p := person(t, `{"credsStore": "slow"}`)
	started := filepath.Join(p.Home, "started")
	if err := os.Mkdir(started, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(started, 0o777); err != nil {
		t.Fatal(err)
	}
	helpers(t, p, map[string]string{"slow": "sleep 600 & echo $! > " + started + "/pid.new; mv " + started + "/pid.new " + started + "/pid; wait"})
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := p.Login(ctx, "ghcr.io")
		result <- err
	}()
	var pid string
	eventually(t, "the helper runs", func() bool {
		text, err := os.ReadFile(filepath.Join(started, "pid"))
		pid = strings.TrimSpace(string(text))
		return err == nil
	})
	cancel()
	select {
	case err := <-result:
		if err == nil {
			t.Error("it answered")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it is waited for")
	}
	eventually(t, "what the helper started is gone", func() bool {
		state, err := os.ReadFile("/proc/" + pid + "/stat")
		return err != nil || strings.Contains(string(state), ") Z ")
	})
}

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func FuzzSettings(f *testing.F) {
	f.Add(`{"auths": {"a": {"auth": "YTpi"}}, "credHelpers": {"b": "c"}}`)
	f.Add(`{"auths": null}`)
	f.Fuzz(func(t *testing.T, text string) {
		p := Person{Home: t.TempDir()}
		write(t, filepath.Join(p.Home, ".docker", "config.json"), text, 0o600)
		s, err := p.settings()
		if err != nil {
			return
		}
		for name, stored := range s.Auths {
			hostOf(name)
			_, _ = stored.login()
		}
	})
}
