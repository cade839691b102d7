package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	remoteerrors "github.com/containerd/containerd/v2/core/remotes/errors"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/image/shortname"
)

// attempts is how often a pull is tried whose failure may pass.
const attempts = 3

// Pull makes an image present, as [engine.Engine.PullImage] says, and prepares the root file system of the container that
// it is for. Its errors are worded as those of AWS Fargate.
func (s *Store) Pull(ctx context.Context, req engine.PullRequest, report func(engine.PullProgress)) (engine.Image, error) {
	ctx = inside(ctx)
	name, err := Normalize(req.Reference)
	if err != nil {
		return engine.Image{}, &engine.Error{Kind: engine.CannotPullContainer, Err: fmt.Errorf("invalid image reference %w", err)}
	}
	of, err := s.platformOf(req.Platform)
	if err != nil {
		return engine.Image{}, &engine.Error{Kind: engine.CannotPullContainer, Err: err}
	}
	defer s.usage.claim(name)()
	image, err := s.ensure(ctx, name, of, req, report)
	if err != nil {
		return engine.Image{}, &engine.Error{Kind: engine.CannotPullContainer, Err: err}
	}
	s.usage.touch(digest.Digest(image.Digest))
	if req.Task != "" {
		_, _ = s.prepare(ctx, req.Task, req.Container, req.Reference, of)
	}
	return image, nil
}

func (s *Store) ensure(ctx context.Context, name string, of platform, req engine.PullRequest, report func(engine.PullProgress)) (engine.Image, error) {
	key := flightKey{name: name, policy: req.Policy, short: shortname.Is(req.Reference), of: req.Platform}
	if name == helloName && of.foreign == "" {
		key.policy = engine.PullIfAbsent
		return s.join(ctx, key, report, s.makeHello)
	}
	if req.Policy == engine.PullIfAbsent && s.config.Docker == nil || req.Policy == engine.PullOnce {
		if image, err := s.find(ctx, name, of); err == nil && (req.Policy == engine.PullIfAbsent || image.Origin == engine.FromRegistry) {
			return image, nil
		}
	}
	if req.Auth != nil {
		key.login = *req.Auth
	}
	return s.join(ctx, key, report, func(ctx context.Context, p *progress) (engine.Image, error) {
		return s.obtain(ctx, name, of, req, p)
	})
}

// obtain returns the image as the request's policy has it: this machine's, or its registry's.
func (s *Store) obtain(ctx context.Context, name string, of platform, req engine.PullRequest, p *progress) (engine.Image, error) {
	if req.Policy == engine.PullIfAbsent {
		image, err := s.local(ctx, name, of, p)
		switch {
		case err == nil || ctx.Err() != nil:
			return image, err
		case errors.Is(err, engine.ErrNotFound):
		case shortname.Is(req.Reference): // what Docker may have is not taken from elsewhere, as the name doesn't say from where
			return image, err
		default:
			s.config.Log.Warn("an image is pulled because it can't be had from Docker", "image", name, "error", err)
		}
	}
	image, err := s.fromRegistry(ctx, name, of, req, p)
	if err != nil && req.Policy == engine.PullOrCached && ctx.Err() == nil {
		if cached, localErr := s.local(ctx, name, of, p); localErr == nil {
			s.config.Log.Warn("an image that is here is used because it can't be pulled", "image", name, "error", err)
			return cached, nil
		}
	}
	return image, err
}

func (s *Store) fromRegistry(ctx context.Context, name string, of platform, req engine.PullRequest, p *progress) (engine.Image, error) {
	if err := s.config.ShortNames.Check(req.Reference); err != nil {
		return engine.Image{}, err
	}
	logins := s.loginsFor(name, req.Auth)
	image, err := s.pull(ctx, name, of, s.resolver(name, logins), p)
	if err != nil {
		return image, logins.explain(err)
	}
	s.hasGrown()
	return image, nil
}

func (s *Store) pull(ctx context.Context, name string, of platform, registry remotes.Resolver, p *progress) (engine.Image, error) {
	ctx, done, err := s.holdPull(ctx, name)
	if err != nil {
		return engine.Image{}, s.explain(err)
	}
	finished := false
	defer func() { done(finished) }()
	backoff := s.config.Backoff
	for try := 1; ; try++ {
		image, doing, err := s.pullOnce(ctx, name, of, registry, p)
		if err == nil {
			finished = true
			return image, nil
		}
		if try == attempts || !passes(err) {
			finished = ctx.Err() == nil && !passes(err)
			return engine.Image{}, fmt.Errorf("%s has been retried %d time(s): %w", doing, try, s.explain(err))
		}
		select {
		case <-ctx.Done():
			return engine.Image{}, ctx.Err()
		case <-time.After(backoff/2 + rand.N(backoff)): // many machines that failed together don't come back together
			backoff *= 2
		}
	}
}

// pullOnce returns, with an error, what it was doing.
func (s *Store) pullOnce(ctx context.Context, name string, of platform, registry remotes.Resolver, p *progress) (_ engine.Image, doing string, _ error) {
	p.change(func(s *engine.PullProgress) { *s = engine.PullProgress{Status: "resolving"} })
	_, target, err := registry.Resolve(ctx, name)
	var status remoteerrors.ErrUnexpectedStatus
	switch {
	case errdefs.IsNotFound(err):
		err = errdefs.ErrNotFound // its text repeats the reference
	case errors.As(err, &status) && (status.StatusCode == http.StatusUnauthorized || status.StatusCode == http.StatusForbidden):
		err = fmt.Errorf("%w: %w", errDenied, err)
	}
	if err != nil {
		return engine.Image{}, "pull image manifest", fmt.Errorf("failed to resolve ref %s: %w", name, err)
	}
	fetcher, err := registry.Fetcher(ctx, name)
	if err != nil {
		return engine.Image{}, "ref pull", err
	}
	image, err := s.keep(ctx, name, target, of, s.fetch(counting{fetcher, p}, p), p)
	return image, "ref pull", err
}

// errDenied is a registry's refusal, in the words that it has where the refusal comes with a challenge.
var errDenied = errors.New("pull access denied, repository does not exist or may require authorization")

// fetch returns the handler that brings a descriptor's content into the store.
func (s *Store) fetch(fetcher remotes.Fetcher, p *progress) images.HandlerFunc {
	return func(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		if !images.IsLayerType(desc.MediaType) {
			if err := fits(desc.MediaType, desc.Size); err != nil {
				return nil, err
			}
		}
		desc.URLs = nil // only the image's registry is asked, whatever its manifest names
		err := remotes.Fetch(ctx, s.content, fetcher, desc)
		if errdefs.IsFailedPrecondition(err) { // what an earlier pull left of it is damaged, or what came is
			if err = s.content.Abort(ctx, remotes.MakeRefKey(ctx, desc)); err == nil || errdefs.IsNotFound(err) {
				err = remotes.Fetch(ctx, s.content, fetcher, desc)
			}
		}
		if err != nil && !errdefs.IsAlreadyExists(err) {
			return nil, err
		}
		p.fetched(desc)
		return nil, nil
	}
}

// passes tells whether a failure may go away by itself. The resolver has repeated what timed out already.
func passes(err error) bool {
	var status remoteerrors.ErrUnexpectedStatus
	var dns *net.DNSError
	var timeout net.Error
	var op *net.OpError
	var request *url.Error
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, errPlain), errors.Is(err, errTooLong), errors.Is(err, docker.ErrInvalidAuthorization):
		return false
	case errors.Is(err, errStalled), errors.Is(err, io.ErrUnexpectedEOF):
		return true
	case errors.As(err, &status):
		return status.StatusCode >= 500 || status.StatusCode == http.StatusTooManyRequests
	case errors.As(err, &dns):
		return dns.IsTemporary
	case errors.As(err, &timeout) && timeout.Timeout():
		return false
	case errors.As(err, &op):
		return true
	case errors.As(err, &request):
		return errors.Is(request.Err, io.EOF)
	}
	return false
}
