package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/docker/docker-credential-helpers/client"
	"github.com/docker/docker-credential-helpers/credentials"
)

// Login is a registry login; the zero value is nobody's. It is never logged.
type Login struct {
	Username, Password string
	IdentityToken      string // takes the place of both
}

// String keeps the login out of whatever is printed.
func (l Login) String() string { return "docker.Login{...}" }

// GoString keeps the login out of whatever is printed.
func (l Login) GoString() string { return l.String() }

const (
	// hub is what Docker Hub's login is kept under, for historical reasons.
	hub = "https://index.docker.io/v1/"
	// tokenUser is the user name by which a helper says that the secret is an identity token.
	tokenUser = "<token>"
)

// Login returns the person's login for a registry, a host with a port if it has one ("docker.io", "ghcr.io",
// "127.0.0.1:5000"): from the helper that the settings name for it, or for all, or else from the settings themselves.
// The zero Login when there is none. An error quotes nothing that a helper or the file said.
func (p Person) Login(ctx context.Context, registry string) (Login, error) {
	s, err := p.settings()
	if err != nil {
		return Login{}, err
	}
	key := serverKey(registry)
	helper := s.CredsStore
	for name, own := range s.CredHelpers {
		if hostOf(name) == hostOf(key) {
			key, helper = name, own
		}
	}
	if helper != "" {
		login, err := p.ask(ctx, helper, key)
		if err != nil || login != (Login{}) {
			return login, err
		}
	}
	stored, ok := s.Auths[key]
	for name, l := range s.Auths {
		if !ok && hostOf(name) == hostOf(key) {
			stored, ok = l, true
		}
	}
	login, err := stored.login()
	if err != nil {
		return Login{}, fmt.Errorf("the login of %s in the docker command's settings: %w", registry, err)
	}
	return login, nil
}

// serverKey is the name that the docker command keeps a registry's login under.
func serverKey(registry string) string {
	switch registry {
	case "docker.io", "index.docker.io", "registry-1.docker.io":
		return hub
	}
	return registry
}

// hostOf is the host in a key, which older commands wrote as an address.
func hostOf(key string) string {
	_, after, ok := strings.Cut(key, "://")
	if !ok {
		after = key
	}
	host, _, _ := strings.Cut(after, "/")
	return host
}

// ask asks a credential helper. The zero Login when it has none.
func (p Person) ask(ctx context.Context, helper, key string) (Login, error) {
	program := p.helper(ctx, helper)
	found, err := client.Get(program.start, key)
	switch {
	case credentials.IsErrCredentialsNotFound(err):
		return Login{}, nil
	case program.err != nil:
		return Login{}, fmt.Errorf("%s: %w", program.name, program.err)
	case err != nil: // its text may hold the secret
		return Login{}, fmt.Errorf("%s: %w", program.name, errAnswer)
	case found.Username == tokenUser:
		return Login{IdentityToken: found.Secret}, nil
	}
	return Login{Username: found.Username, Password: found.Secret}, nil
}

var errAnswer = errors.New("its answer is not a credential helper's")
