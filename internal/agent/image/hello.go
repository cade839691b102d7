package image

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/go-json-experiment/json"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// helloName is the image that berth carries inside itself: it needs no registry and no network.
const helloName = "docker.io/berth/hello:latest"

// hello is what this process knows of the built-in image.
type hello struct {
	mu     sync.Mutex
	digest string // of the image that this build of berth carries, once made
}

// makeHello makes the built-in image present, and renews the one that another build of berth left.
func (s *Store) makeHello(ctx context.Context, p *progress) (engine.Image, error) {
	s.hello.mu.Lock()
	defer s.hello.mu.Unlock()
	present, err := s.find(ctx, helloName, s.platform)
	if err == nil && present.Digest == s.hello.digest {
		return present, nil
	}
	program, err := s.config.Hello()
	if err != nil {
		return engine.Image{}, err
	}
	target, blobs, err := oneLayer(program)
	if err != nil {
		return engine.Image{}, fmt.Errorf("build %s: %w", helloName, err)
	}
	if present.Digest != target.Digest.String() {
		if present, err = s.importBlobs(ctx, helloName, target, blobs, p); err != nil {
			return engine.Image{}, fmt.Errorf("build %s: %w", helloName, s.explain(err))
		}
	}
	s.hello.digest = present.Digest
	return present, nil
}

func (s *Store) importBlobs(ctx context.Context, name string, target ocispec.Descriptor, blobs []blob, p *progress) (engine.Image, error) {
	ctx, drop, err := s.hold(ctx)
	if err != nil {
		return engine.Image{}, err
	}
	defer drop()
	for _, b := range blobs {
		if err := content.WriteBlob(ctx, s.content, "berth-"+b.desc.Digest.String(), bytes.NewReader(b.data), b.desc); err != nil {
			return engine.Image{}, err
		}
	}
	return s.keep(ctx, name, target, s.platform, isHere, p)
}

type blob struct {
	desc ocispec.Descriptor
	data []byte
}

// oneLayer builds an image of a single program, the same bytes for the same program.
func oneLayer(program []byte) (ocispec.Descriptor, []blob, error) {
	var layer bytes.Buffer
	files := tar.NewWriter(&layer)
	header := &tar.Header{Name: "hello", Mode: 0o755, Size: int64(len(program)), ModTime: time.Unix(0, 0)}
	if err := files.WriteHeader(header); err != nil {
		return ocispec.Descriptor{}, nil, err
	}
	if _, err := files.Write(program); err != nil {
		return ocispec.Descriptor{}, nil, err
	}
	if err := files.Close(); err != nil {
		return ocispec.Descriptor{}, nil, err
	}
	layerBlob := newBlob(ocispec.MediaTypeImageLayer, layer.Bytes())
	config, err := jsonBlob(ocispec.MediaTypeImageConfig, ocispec.Image{
		Platform: ocispec.Platform{Architecture: runtime.GOARCH, OS: "linux"},
		Config: ocispec.ImageConfig{
			Entrypoint:   []string{"/hello"},
			Env:          []string{"PATH=/"},
			ExposedPorts: map[string]struct{}{"8080/tcp": {}},
			WorkingDir:   "/",
		},
		RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{layerBlob.desc.Digest}},
	})
	if err != nil {
		return ocispec.Descriptor{}, nil, err
	}
	manifest, err := jsonBlob(ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    config.desc,
		Layers:    []ocispec.Descriptor{layerBlob.desc},
	})
	if err != nil {
		return ocispec.Descriptor{}, nil, err
	}
	return manifest.desc, []blob{layerBlob, config, manifest}, nil
}

func newBlob(mediaType string, data []byte) blob {
	return blob{ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}, data}
}

func jsonBlob(mediaType string, value any) (blob, error) {
	data, err := json.Marshal(value, json.Deterministic(true))
	return newBlob(mediaType, data), err
}
