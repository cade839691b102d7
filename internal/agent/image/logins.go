package image

import (
	"context"
	"fmt"
	"sync"

	"errors"
	remotedocker "github.com/containerd/containerd/v2/core/remotes/docker"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/docker"
)

// logins are the registry logins of one pull. A registry that asks for none is sent none. The login that came with the pull
// goes to the image's own registry alone, and where that sends for tokens; one of the person's goes to the host that it
// is kept under.
type logins struct {
	registry string // of the image
	given    *engine.RegistryAuth
	find     func(ctx context.Context, host string) (docker.Login, error)
	ctx      context.Context

	mu    sync.Mutex
	found map[string]docker.Login
	err   error // why a login could not be found
}

func (s *Store) loginsFor(name string, given *engine.RegistryAuth) *logins {
	return &logins{registry: registryOf(name), given: given, find: s.config.Logins, ctx: s.ctx, found: map[string]docker.Login{}}
}

// of returns the login for a host, empty when there is none. A user name that is empty goes with an identity token.
func (l *logins) of(host string) (user, secret string, err error) {
	switch {
	case l.given != nil && host == l.registry:
		return l.given.Username, l.given.Password, nil
	case l.given != nil || l.find == nil:
		return "", "", nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	login, asked := l.found[host]
	if !asked {
		// Most images need no login: that there is none to be had is told only if the registry refuses.
		if login, err = l.find(l.ctx, host); err != nil {
			l.err = errors.Join(l.err, err)
		}
		l.found[host] = login
	}
	if login.IdentityToken != "" {
		return "", login.IdentityToken, nil
	}
	return login.Username, login.Password, nil
}

// explain adds to a registry's refusal why it was asked without a login.
func (l *logins) explain(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil && (errors.Is(err, errDenied) || errors.Is(err, remotedocker.ErrInvalidAuthorization)) {
		return fmt.Errorf("%w (asked without a login: %w)", err, l.err)
	}
	return err
}
