package image

import (
	"context"
	"io"
	"sync"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// progress is the state of one pull or import. Whoever wants to see it subscribes and is woken, at most once per look.
type progress struct {
	mu          sync.Mutex
	state       engine.PullProgress
	subscribers map[chan struct{}]struct{}
}

func newProgress() *progress {
	return &progress{state: engine.PullProgress{Status: "resolving"}, subscribers: map[chan struct{}]struct{}{}}
}

func (p *progress) now() engine.PullProgress {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

func (p *progress) change(fn func(*engine.PullProgress)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fn(&p.state)
	for s := range p.subscribers {
		select {
		case s <- struct{}{}:
		default:
		}
	}
}

func (p *progress) subscribe() (changed chan struct{}, leave func()) {
	changed = make(chan struct{}, 1)
	changed <- struct{}{}
	p.mu.Lock()
	p.subscribers[changed] = struct{}{}
	p.mu.Unlock()
	return changed, func() {
		p.mu.Lock()
		delete(p.subscribers, changed)
		p.mu.Unlock()
	}
}

// manifests counts the layers that a handler finds.
func (p *progress) manifests(children images.HandlerFunc) images.HandlerFunc {
	return func(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		found, err := children(ctx, desc)
		if err == nil && images.IsManifestType(desc.MediaType) {
			p.change(func(s *engine.PullProgress) {
				s.Status = "pulling"
				for _, layer := range found {
					if images.IsLayerType(layer.MediaType) {
						s.Layers++
						s.Bytes += layer.Size
					}
				}
			})
		}
		return found, err
	}
}

// fetched counts a layer that is wholly here.
func (p *progress) fetched(desc ocispec.Descriptor) {
	if !images.IsLayerType(desc.MediaType) {
		return
	}
	p.change(func(s *engine.PullProgress) {
		if s.Done++; s.Done == s.Layers {
			s.Status = "unpacking"
		}
	})
}

// finish says that all is there, whatever had to be fetched for it.
func (p *progress) finish() {
	p.change(func(s *engine.PullProgress) { s.Status, s.Done, s.Complete = "done", s.Layers, s.Bytes })
}

// counting is a fetcher that counts the bytes of layers as they come.
type counting struct {
	remotes.Fetcher
	progress *progress
}

func (c counting) Fetch(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	body, err := c.Fetcher.Fetch(ctx, desc)
	if err != nil || !images.IsLayerType(desc.MediaType) {
		return body, err
	}
	return &countingBody{ReadCloser: body, progress: c.progress}, nil
}

type countingBody struct {
	io.ReadCloser
	progress *progress
	at       int64 // in the layer
}

func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.moved(b.at + int64(n))
	return n, err
}

// Seek lets a fetch that was cut short go on where it stopped.
func (b *countingBody) Seek(offset int64, whence int) (int64, error) {
	at, err := b.ReadCloser.(io.Seeker).Seek(offset, whence)
	if err == nil {
		b.moved(at)
	}
	return at, err
}

// moved counts what is read, or was here before.
func (b *countingBody) moved(to int64) {
	if to != b.at {
		b.progress.change(func(s *engine.PullProgress) { s.Complete += to - b.at })
		b.at = to
	}
}
