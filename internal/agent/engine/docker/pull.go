package docker

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"

	"github.com/distribution/reference"
	"github.com/go-json-experiment/json"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// pull is a pull under way, which all who ask for the same share.
type pull struct {
	done  chan struct{}
	image engine.Image
	err   error

	mu    sync.Mutex
	at    engine.PullProgress
	moved chan struct{}
	users int
	end   context.CancelFunc
}

// PullImage makes an image present.
func (e *Engine) PullImage(ctx context.Context, req engine.PullRequest, progress func(engine.PullProgress)) (engine.Image, error) {
	name, err := normalize(req.Reference)
	if err != nil {
		return engine.Image{}, &engine.Error{Kind: engine.CannotPullContainer, Err: err}
	}
	e.hold(req.Task, name) // before it is here, so that nothing prunes it in between
	image, err := e.present(ctx, name, req, progress)
	return image, told(ctx, engine.CannotPullContainer, err)
}

// present applies the pull's policy.
func (e *Engine) present(ctx context.Context, name string, req engine.PullRequest, progress func(engine.PullProgress)) (engine.Image, error) {
	if name == helloName {
		image, err := e.makeHello(ctx)
		if err == nil {
			e.noteUse(name, true)
		}
		return image, err
	}
	found, err := e.findImage(ctx, name)
	here := err == nil
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return engine.Image{}, err
	}
	image := found.image(name)
	if here && (req.Policy == engine.PullIfAbsent || req.Policy == engine.PullOnce && image.Origin == engine.FromRegistry) {
		e.noteUse(name, false)
		return image, nil
	}
	if e.config.ShortNames != nil {
		if err := e.config.ShortNames(req.Reference); err != nil {
			return engine.Image{}, err
		}
	}
	pulled, err := e.join(ctx, name, req, progress)
	if err != nil && here && req.Policy == engine.PullOrCached && ctx.Err() == nil {
		e.config.Log.Warn("an image can't be pulled; the one that is present is used", "image", name, "error", err)
		pulled, err = image, nil
	}
	if err == nil {
		e.noteUse(name, !here)
	}
	return pulled, err
}

// join pulls, or waits for the pull that is under way. A pull ends when nobody waits for it any more.
func (e *Engine) join(ctx context.Context, name string, req engine.PullRequest, progress func(engine.PullProgress)) (engine.Image, error) {
	key := name + " " + req.Platform
	if req.Auth != nil {
		key += " " + req.Auth.Username + " " + req.Auth.Password
	}
	e.mu.Lock()
	p := e.pulls[key]
	if p == nil {
		p = &pull{done: make(chan struct{}), moved: make(chan struct{}, 1), at: engine.PullProgress{Status: "resolving"}}
		pulling, end := context.WithCancel(e.life)
		p.end = end
		e.pulls[key] = p
		e.going.Go(func() {
			p.image, p.err = e.pullNow(pulling, name, req, p)
			e.mu.Lock()
			if e.pulls[key] == p { // not the one after it, if nobody waited for this one any more
				delete(e.pulls, key)
			}
			e.mu.Unlock()
			end()
			close(p.done)
		})
	}
	p.users++
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if p.users--; p.users == 0 {
			p.end()
			if e.pulls[key] == p {
				delete(e.pulls, key)
			}
		}
	}()
	for {
		select {
		case <-p.done:
			return p.image, p.err
		case <-ctx.Done():
			return engine.Image{}, ctx.Err()
		case <-p.moved:
			if progress != nil {
				p.mu.Lock()
				at := p.at
				p.mu.Unlock()
				progress(at)
			}
		}
	}
}

// pullNow has Docker pull, which takes up what an earlier pull that was cut off has brought. Only the daemon bounds how long
// it takes.
func (e *Engine) pullNow(ctx context.Context, name string, req engine.PullRequest, p *pull) (engine.Image, error) {
	options := client.ImagePullOptions{}
	if platform := platformOf(req.Platform); platform != nil {
		options.Platforms = []ocispec.Platform{*platform}
	}
	var err error
	if options.RegistryAuth, err = e.auth(ctx, name, req.Auth); err != nil {
		return engine.Image{}, err
	}
	answer, err := e.api.ImagePull(ctx, name, options)
	if err != nil {
		return engine.Image{}, explain("pull image "+name, err)
	}
	layers := map[string][2]int64{}
	for message, err := range answer.JSONMessages(ctx) {
		switch {
		case err != nil && ctx.Err() != nil:
			return engine.Image{}, ctx.Err()
		case err != nil: // the daemon went away
			return engine.Image{}, explain("pull image "+name, err)
		case message.Error != nil:
			return engine.Image{}, fmt.Errorf("pull image %s: %w", name, message.Error)
		case message.Progress != nil && message.ID != "" && message.Progress.Total > 0 && message.Status == "Downloading":
			layers[message.ID] = [2]int64{message.Progress.Current, message.Progress.Total}
			p.move(layers)
		}
	}
	found, err := e.findImage(ctx, name)
	return found.image(name), err
}

func (p *pull) move(layers map[string][2]int64) {
	at := engine.PullProgress{Status: "pulling", Layers: len(layers)}
	for _, l := range layers {
		at.Complete, at.Bytes = at.Complete+l[0], at.Bytes+l[1]
		if l[0] == l[1] {
			at.Done++
		}
	}
	p.mu.Lock()
	p.at = at
	p.mu.Unlock()
	select {
	case p.moved <- struct{}{}:
	default:
	}
}

// auth is the login for an image's registry as Docker wants it; empty where there is none.
func (e *Engine) auth(ctx context.Context, name string, given *engine.RegistryAuth) (string, error) {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return "", err
	}
	host := reference.Domain(named)
	login := registry.AuthConfig{ServerAddress: host}
	switch {
	case given != nil:
		login.Username, login.Password = given.Username, given.Password
	case e.config.Login != nil:
		found, ok, err := e.config.Login(ctx, host)
		if err != nil { // most images need none
			e.config.Log.Warn("no login for a registry could be found", "registry", host, "error", err)
		}
		if !ok {
			return "", nil
		}
		login.Username, login.Password, login.IdentityToken = found.Username, found.Password, found.IdentityToken
	default:
		return "", nil
	}
	text, err := json.Marshal(&login)
	return base64.URLEncoding.EncodeToString(text), err
}

// makeHello makes the built-in image present, and renews the one that another build of berth left.
func (e *Engine) makeHello(ctx context.Context) (engine.Image, error) {
	if e.config.Hello == nil {
		return engine.Image{}, fmt.Errorf("this berth carries no %s: %w", helloName, engine.ErrNotFound)
	}
	e.hello.mu.Lock()
	defer e.hello.mu.Unlock()
	found, err := e.findImage(ctx, helloName)
	if err == nil && e.hello.done || err != nil && !errors.Is(err, engine.ErrNotFound) {
		return found.image(helloName), err
	}
	program, err := e.config.Hello()
	if err != nil {
		return engine.Image{}, err
	}
	platform := ocispec.Platform{OS: "linux", Architecture: goArchitecture(e.info.Architecture)}
	err = e.importProgram(ctx, helloName, platform, "hello", program,
		`ENTRYPOINT ["/hello"]`, "ENV PATH=/", "EXPOSE 8080/tcp", "WORKDIR /")
	if err != nil {
		return engine.Image{}, err
	}
	e.hello.done = true
	found, err = e.findImage(ctx, helloName)
	return found.image(helloName), err
}
