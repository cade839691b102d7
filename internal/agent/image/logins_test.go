package image

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/docker"
)

func TestLoginsOfThePerson(t *testing.T) {
	private, public := newRegistry(t, true), newRegistry(t, false)
	image := buildImage(t, thisArch, file{"version", "1"})
	privateRef, publicRef := private.push(t, "team/app:v1", image), public.push(t, "team/app:v1", image)
	var asked atomic.Int64
	logins := func(login docker.Login, err error) func(context.Context, string) (docker.Login, error) {
		return func(_ context.Context, host string) (docker.Login, error) {
			asked.Add(1)
			if host != strings.TrimPrefix(private.URL, "http://") {
				return docker.Login{}, fmt.Errorf("asked for the login of %s", host)
			}
			return login, err
		}
	}
	good := docker.Login{Username: "user", Password: "s3cret"}
	const refused = "pull access denied, repository does not exist or may require authorization"
	for _, c := range []struct {
		name, ref string
		logins    func(context.Context, string) (docker.Login, error)
		auth      *engine.RegistryAuth
		says      string
		asked     int64
	}{
		{"a registry that needs it", privateRef, logins(good, nil), nil, "", 1},
		{"a registry that does not", publicRef, logins(good, nil), nil, "", 0},
		{"there is none", privateRef, logins(docker.Login{}, nil), nil, refused, 1},
		{"it is wrong", privateRef, logins(docker.Login{Username: "user", Password: "wr0ng"}, nil), nil, refused, 1},
		{"it can't be found", privateRef, logins(docker.Login{}, errors.New("docker-credential-x: exit status 1")), nil, "(asked without a login: docker-credential-x: exit status 1)", 1},
		{"the pull brings one of its own", privateRef, logins(good, nil), &engine.RegistryAuth{Username: "user", Password: "wr0ng"}, refused, 0},
		{"nobody has any", privateRef, nil, nil, refused, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked.Store(0)
			s := openStore(t, Config{Dir: t.TempDir(), Logins: c.logins})
			_, err := s.Pull(t.Context(), engine.PullRequest{Reference: c.ref, Auth: c.auth}, nil)
			switch {
			case c.says == "" && err != nil, c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
				t.Errorf("got %v", err)
			case err != nil && strings.Contains(err.Error(), "wr0ng"):
				t.Errorf("it tells the password: %v", err)
			case asked.Load() != c.asked:
				t.Errorf("asked for a login %d times instead of %d", asked.Load(), c.asked)
			}
		})
	}
}

// An identity token is traded for one that the registry takes.
func TestAnIdentityToken(t *testing.T) {
	registry := newRegistry(t, false)
	ref := registry.push(t, "team/app:v1", buildImage(t, thisArch, file{"version", "1"}))
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("grant_type") != "refresh_token" || r.FormValue("refresh_token") != "identity" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{"access_token": "granted", "expires_in": 300}`)
	}))
	t.Cleanup(tokens.Close)
	registry.breaks(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") == "Bearer granted" {
			return false
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="test"`, tokens.URL))
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	for token, ok := range map[string]bool{"identity": true, "another": false} {
		s := openStore(t, Config{Dir: t.TempDir(), Logins: func(context.Context, string) (docker.Login, error) {
			return docker.Login{IdentityToken: token}, nil
		}})
		if _, err := pull(t, s, ref); (err == nil) != ok {
			t.Errorf("%s: %v", token, err)
		}
	}
}

// The login goes to the registry that it is for, and not to where that sends for content.
func TestALoginStaysWithItsRegistry(t *testing.T) {
	registry := newRegistry(t, true)
	ref := registry.push(t, "team/app:v1", buildImage(t, thisArch, file{"version", "1"}))
	secret := base64.StdEncoding.EncodeToString([]byte("user:s3cret"))
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Errorf("another server is sent %q", strings.ReplaceAll(r.Header.Get("Authorization"), secret, "the login"))
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="theirs"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(elsewhere.Close)
	registry.breaks(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/blobs/") {
			http.Redirect(w, r, strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1), http.StatusTemporaryRedirect)
			return true
		}
		return false
	})
	s := openStore(t, Config{Dir: t.TempDir(), Logins: func(_ context.Context, host string) (docker.Login, error) {
		if host == strings.TrimPrefix(registry.URL, "http://") {
			return docker.Login{Username: "user", Password: "s3cret"}, nil
		}
		return docker.Login{}, nil
	}})
	if _, err := pull(t, s, ref); err == nil {
		t.Error("content came from nowhere")
	}
}
