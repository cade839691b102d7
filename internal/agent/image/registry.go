package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	dockerconfig "github.com/containerd/containerd/v2/core/remotes/docker/config"
	"github.com/containerd/errdefs"
	"github.com/pelletier/go-toml/v2"
)

// errStalled is the cause of a body that was abandoned because nothing came.
var errStalled = errors.New("the transfer stalled")

// errPlain refuses a request that would leave the machine without TLS.
var errPlain = errors.New("plain http is spoken only to a registry on this machine (localhost or 127.0.0.0/8), and to one that hosts.toml names so")

// resolver speaks to the registry of one image, or to its mirrors.
func (s *Store) resolver(name string, logins *logins) remotes.Resolver {
	return docker.NewResolver(docker.ResolverOptions{Headers: http.Header{"User-Agent": {"berth"}}, Hosts: s.hosts(logins)})
}

// hosts says where a registry is spoken to: as its hosts.toml has it, or else at its own name.
func (s *Store) hosts(logins *logins) docker.RegistryHosts {
	client := &http.Client{Transport: &patient{base: s.registry, stall: s.config.Stall}}
	plainly := docker.ConfigureDefaultRegistries(
		docker.WithClient(client),
		docker.WithPlainHTTP(docker.MatchLocalhost),
		docker.WithAuthorizer(docker.NewDockerAuthorizer(docker.WithAuthClient(client), docker.WithAuthCreds(logins.of))),
	)
	if s.config.Registries == "" {
		return plainly
	}
	find := dockerconfig.HostDirFromRoot(s.config.Registries)
	return func(host string) ([]docker.RegistryHost, error) {
		dir, err := find(host)
		if errdefs.IsNotFound(err) {
			return plainly(host)
		}
		if err == nil {
			err = readable(filepath.Join(dir, "hosts.toml"))
		}
		if err != nil {
			return nil, fmt.Errorf("the settings of %s: %w", host, err)
		}
		plain := map[string]bool{}
		configured := dockerconfig.ConfigureHosts(inside(context.Background()), dockerconfig.HostOptions{
			HostDir: find, Credentials: logins.of,
			UpdateClient: func(client *http.Client) error {
				if transport, ok := client.Transport.(*http.Transport); ok {
					s.setPatience(transport)
				}
				client.Transport = &patient{base: client.Transport, stall: s.config.Stall, plain: plain}
				return nil
			},
		})
		found, err := configured(host)
		for _, h := range found {
			plain[h.Host] = h.Scheme == "http"
		}
		return found, err
	}
}

// readable tells what is wrong with a hosts.toml, which the library passes over in silence.
func readable(path string) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) { // a directory of certificates
		return nil
	}
	if err == nil {
		err = toml.Unmarshal(text, &map[string]any{})
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (s *Store) setPatience(transport *http.Transport) {
	transport.TLSHandshakeTimeout, transport.ResponseHeaderTimeout = s.config.Connect, s.config.Respond
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
	plain map[string]bool // hosts that may be spoken to without TLS, beside this machine
}

func (p *patient) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme == "http" {
		if local, _ := docker.MatchLocalhost(req.URL.Host); !local && !p.plain[req.URL.Host] {
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
	resp.Body = brief(req, body)
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
