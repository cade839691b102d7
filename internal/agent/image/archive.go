package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/images/archive"
	"github.com/containerd/errdefs"
	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/berth-dev/berth/internal/agent/engine"
)

var (
	errEmpty      = errors.New("the archive is empty")
	errNotArchive = errors.New("not an OCI or docker-archive tar")
	errCutShort   = errors.New("the archive is cut short or damaged")
	errNoName     = errors.New("the archive names no image; save it with one, as `docker save NAME` does")
)

// Import reads an OCI or docker-archive tar, plain or compressed by gzip or zstd, and returns the images named in it.
// report may be nil; it is called from the caller's goroutine. After an error nothing of the archive stays.
func (s *Store) Import(ctx context.Context, r io.Reader, report func(engine.PullProgress)) ([]engine.Image, error) {
	if report == nil {
		report = func(engine.PullProgress) {}
	}
	imported, err := s.importArchive(inside(ctx), r, report)
	if err != nil {
		return nil, fmt.Errorf("import image: %w", s.explain(err))
	}
	report(engine.PullProgress{Status: "done"})
	return imported, nil
}

func (s *Store) importArchive(ctx context.Context, r io.Reader, report func(engine.PullProgress)) ([]engine.Image, error) {
	ctx, drop, err := s.hold(ctx)
	if err != nil {
		return nil, err
	}
	defer drop()
	plain, err := decompressed(&reportingReader{r: r, report: report})
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	index, err := archive.ImportIndex(ctx, ownIngests{s.content, uuid.NewString()}, plain)
	if err != nil {
		return nil, archiveError(err)
	}
	targets, err := s.named(ctx, index)
	if err != nil {
		return nil, err
	}
	report(engine.PullProgress{Status: "unpacking"})
	// All are unpacked before the first gets its name: an archive is imported whole or not at all.
	for _, t := range targets {
		if err := s.unpack(ctx, t.target, s.platform, isHere, newProgress()); err != nil {
			return nil, archiveError(err)
		}
		if err := s.unpacked(ctx, t.target, s.platform); err != nil {
			return nil, archiveError(err)
		}
	}
	var imported []engine.Image
	for _, t := range targets {
		record := images.Image{Name: t.name, Target: t.target, Labels: map[string]string{labelOrigin: string(engine.FromArchive)}}
		if err := s.setName(ctx, record); err != nil {
			return nil, err
		}
		image, err := s.find(ctx, t.name, s.platform)
		if err != nil {
			return nil, err
		}
		imported = append(imported, image)
	}
	return imported, nil
}

// isHere brings nothing: all content is in the store already.
func isHere(context.Context, ocispec.Descriptor) ([]ocispec.Descriptor, error) { return nil, nil }

type namedTarget struct {
	name   string
	target ocispec.Descriptor
}

// named reads which images an archive's index names.
func (s *Store) named(ctx context.Context, index ocispec.Descriptor) ([]namedTarget, error) {
	raw, err := content.ReadBlob(ctx, s.content, index)
	if err != nil {
		return nil, archiveError(err)
	}
	var list ocispec.Index
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("its index: %w", err)
	}
	var targets []namedTarget
	for _, target := range list.Manifests {
		ref := target.Annotations[images.AnnotationImageName]
		if ref == "" {
			ref = target.Annotations[ocispec.AnnotationRefName]
		}
		if ref == "" {
			continue
		}
		name, err := Normalize(ref)
		if err != nil {
			return nil, fmt.Errorf("it names an image %w", err)
		}
		targets = append(targets, namedTarget{name, target})
	}
	if len(targets) == 0 {
		return nil, errNoName
	}
	return targets, nil
}

// archiveError says what a failure means for somebody who holds a file in their hands.
func archiveError(err error) error {
	switch {
	case errors.Is(err, tar.ErrHeader), strings.Contains(err.Error(), "unrecognized image format"):
		return errNotArchive
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return errCutShort
	case errors.As(err, new(*platformError)):
		return err
	case errdefs.IsNotFound(err):
		return fmt.Errorf("the archive lacks content that it refers to, or holds it damaged: %w", err)
	}
	return err
}

// decompressed looks at the first bytes of an archive and undoes its compression.
func decompressed(r io.Reader) (io.ReadCloser, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	const header = 512 // a tar has one at least
	magic, err := buffered.Peek(header)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case len(magic) == 0:
		return nil, errEmpty
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		plain, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, errCutShort
		}
		return plain, nil
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		// One goroutine, so that the archive is read by the caller's.
		plain, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return nil, err
		}
		return plain.IOReadCloser(), nil
	case len(magic) < header:
		return nil, errNotArchive
	}
	return io.NopCloser(buffered), nil
}

// ownIngests gives an import's half-written files names of their own, so that one import never goes on where another
// with the same file names stopped.
type ownIngests struct {
	content.Store
	id string
}

func (o ownIngests) Writer(ctx context.Context, opts ...content.WriterOpt) (content.Writer, error) {
	return o.Store.Writer(ctx, append(opts, func(w *content.WriterOpts) error {
		w.Ref = o.id + "-" + w.Ref
		return nil
	})...)
}

// reportingReader reports what was read, a mebibyte at a time.
type reportingReader struct {
	r           io.Reader
	report      func(engine.PullProgress)
	read, shown int64
}

func (r *reportingReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.read += int64(n)
	if r.read-r.shown >= 1<<20 {
		r.shown = r.read
		r.report(engine.PullProgress{Status: "pulling", Complete: r.read})
	}
	return n, err
}
