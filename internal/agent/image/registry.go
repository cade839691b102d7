package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// errStalled is the cause of a body that was abandoned because nothing came.
var errStalled = errors.New("the registry stopped sending")

// errPlain refuses a request that would leave the machine without TLS.
var errPlain = errors.New("plain http is spoken only to a registry on this machine (localhost or 127.0.0.0/8)")

// resolver speaks to the registry of one image. The login goes to that registry and to where it sends for tokens.
func (s *Store) resolver(name string, auth *engine.RegistryAuth) remotes.Resolver {
	client := &http.Client{Transport: &patient{base: s.registry, stall: s.config.Stall}}
	login := func(host string) (string, string, error) {
		if auth == nil || host != registryOf(name) {
			return "", "", nil
		}
		return auth.Username, auth.Password, nil
	}
	return docker.NewResolver(docker.ResolverOptions{
		Headers: http.Header{"User-Agent": {"berth"}},
		Hosts: docker.ConfigureDefaultRegistries(
			docker.WithClient(client),
			docker.WithPlainHTTP(docker.MatchLocalhost),
			docker.WithAuthorizer(docker.NewDockerAuthorizer(docker.WithAuthClient(client), docker.WithAuthCreds(login))),
		),
	})
}

func registryTransport(config Config) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: config.Connect}).DialContext,
		TLSHandshakeTimeout:   config.Connect,
		ResponseHeaderTimeout: config.Respond,
		IdleConnTimeout:       30 * time.Second,
		MaxIdleConns:          8,
		ForceAttemptHTTP2:     true,
	}
}

// patient bounds how long a body may send nothing. A slow registry is not a hanging one: each byte renews the time.
type patient struct {
	base  http.RoundTripper
	stall time.Duration
}

func (p *patient) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme == "http" {
		if local, _ := docker.MatchLocalhost(req.URL.Host); !local {
			return nil, errPlain
		}
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	resp, err := p.base.RoundTrip(req.WithContext(ctx))
	if err != nil {
		cancel(nil)
		return nil, err
	}
	body := &patientBody{ReadCloser: resp.Body, ctx: ctx, cancel: cancel, stall: p.stall, host: req.URL.Host}
	body.timer = time.AfterFunc(p.stall, func() { cancel(errStalled) })
	body.timer.Stop()
	resp.Body = body
	return resp, nil
}

type patientBody struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	stall  time.Duration
	host   string
}

// Read counts only the time spent waiting for the registry, not the time its reader takes.
func (b *patientBody) Read(p []byte) (int, error) {
	b.timer.Reset(b.stall)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	if err != nil && errors.Is(context.Cause(b.ctx), errStalled) {
		err = fmt.Errorf("%w: nothing from %s for %s", errStalled, b.host, b.stall)
	}
	return n, err
}

func (b *patientBody) Close() error {
	b.timer.Stop()
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}
