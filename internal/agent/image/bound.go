package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// What a registry or an archive says about an image is read into memory whole, by libraries that ask for no bound. So this package
// bounds it: indexes, manifests and configurations in the store, however they came there, and the answers that bring tokens.

const (
	maxIndex = 8 << 20 // bytes of an index, manifest or configuration
	maxToken = 1 << 20 // bytes of the answer of a registry's token service
)

// errTooLong ends the reading of an answer that brings a token.
var errTooLong = errors.New("the answer of the registry's token service is longer than any token")

// bounded is a content store that gives out nothing for memory that is no such thing in size. What has no type yet is looked at
// piece by piece, and is not bounded.
type bounded struct{ content.Store }

func (b bounded) ReaderAt(ctx context.Context, desc ocispec.Descriptor) (content.ReaderAt, error) {
	blob, err := b.Store.ReaderAt(ctx, desc)
	if err != nil || desc.MediaType == "" || images.IsLayerType(desc.MediaType) {
		return blob, err
	}
	if err := fits(desc.MediaType, blob.Size()); err != nil {
		return nil, errors.Join(err, blob.Close())
	}
	return blob, nil
}

// fits refuses what is too large to be read whole.
func fits(mediaType string, size int64) error {
	if size > maxIndex {
		return fmt.Errorf("%s of %d bytes exceeds the limit of %d: %w", mediaType, size, maxIndex, errdefs.ErrInvalidArgument)
	}
	return nil
}

// configured refuses a manifest that gives its configuration the type of a layer, whose size has no bound.
func configured(children images.HandlerFunc) images.HandlerFunc {
	return func(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		found, err := children(ctx, desc)
		if err == nil && images.IsManifestType(desc.MediaType) && len(found) > 0 && images.IsLayerType(found[0].MediaType) {
			return nil, fmt.Errorf("its manifest names a layer as its configuration: %w", errdefs.ErrInvalidArgument)
		}
		return found, err
	}
}

// brief bounds the answer to a request for a token: the one that doesn't say which type of content it takes.
func brief(req *http.Request, body io.ReadCloser) io.ReadCloser {
	if req.Header.Get("Accept") != "" {
		return body
	}
	return &briefBody{body, maxToken}
}

type briefBody struct {
	io.ReadCloser
	left int
}

func (b *briefBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errTooLong
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
