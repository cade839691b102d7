// Package image keeps the images that containers start from, on containerd's own libraries and without its daemon: a
// content store, an overlay snapshotter and the metadata database that ties them together and collects what nothing
// refers to. The native engine calls it; one process at a time opens a store.
//
// Content is addressed by its digest and each layer is unpacked once, whatever number of images share it. A pull or an
// import holds what it brings by a lease until the image has its name, and a pull that is cut off leaves it for the next one; a task holds its containers' file systems by a
// lease until [Store.Release]. Compressed layers are dropped once they are unpacked.
package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/diff"
	"github.com/containerd/containerd/v2/core/diff/apply"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/metadata"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/containerd/v2/plugins/snapshots/overlay"
	"github.com/containerd/log"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	"github.com/sirupsen/logrus"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sync/semaphore"

	"github.com/berth-dev/berth/internal/agent/engine/native"
	"github.com/berth-dev/berth/internal/agent/image/shortname"
	"github.com/berth-dev/berth/internal/docker"
	"github.com/berth-dev/berth/internal/embedded"
)

const (
	namespace   = "berth"
	snapshotter = "overlayfs"
	downloads   = 4 // layers fetched at the same time, over all pulls
)

// Config says where a store lives and how patient it is. Only Dir is required.
type Config struct {
	Dir string // made when absent

	Connect time.Duration // to reach a registry and finish its TLS handshake; 10 s
	Respond time.Duration // from a request to the first byte of its answer; 15 s
	Stall   time.Duration // without one byte of a layer; 60 s
	Backoff time.Duration // before the first repetition of a failed pull, doubled for each further one; 1 s

	// Docker is the daemon whose images are used without a pull; nil: none. Export is how long it may take to come up with
	// the next byte of one, the first included, which it may pack up before; 10 min.
	Docker *docker.Daemon
	Export time.Duration
	// Logins finds the login for a registry's host, where a pull brings none; nil: there is none.
	Logins func(ctx context.Context, host string) (docker.Login, error)
	// ShortNames says which names without a registry are Docker Hub's; nil: all, as on AWS.
	ShortNames *shortname.Rule
	// Registries is a directory of hosts.toml files, as containerd has them in /etc/containerd/certs.d: mirrors,
	// authorities, and registries that are spoken to without TLS. Empty: none.
	Registries string
	Cleanup    Cleanup
	Log        *slog.Logger // default: slog.Default()

	// Hello returns the program of the built-in image; embedded.Hello.
	Hello func() ([]byte, error)
}

// Store is a directory of images. Its methods may be called at the same time.
type Store struct {
	config   Config
	content  content.Store
	images   images.Store
	leases   leases.Manager
	snaps    snapshots.Snapshotter
	applier  diff.Applier
	platform platform // this machine's
	meta     *metadata.DB
	overlay  io.Closer

	locks     *keyLock
	downloads *semaphore.Weighted
	flights   flights
	hello     hello
	registry  *http.Transport
	usage     usage
	pulling   pulling
	docker    dockerHealth

	ctx     context.Context // ends at Close
	cancel  context.CancelFunc
	running sync.WaitGroup
	dirty   chan struct{}
	grown   chan struct{}

	collecting sync.Mutex
	unswept    bool // directories may hold what the database no longer knows; under collecting
}

var _ native.Images = (*Store)(nil)

// Open opens the store in config.Dir, lets go of what imports cut short by the end of an earlier process had brought, and
// pulls that nobody has gone on with since, and collects it in the background.
func Open(ctx context.Context, config Config) (*Store, error) {
	config.Connect = cmp.Or(config.Connect, 10*time.Second)
	config.Respond = cmp.Or(config.Respond, 15*time.Second)
	config.Stall = cmp.Or(config.Stall, time.Minute)
	config.Backoff = cmp.Or(config.Backoff, time.Second)
	config.Export = cmp.Or(config.Export, 10*time.Minute)
	config.Cleanup.complete(config.Dir)
	if config.Hello == nil {
		config.Hello = embedded.Hello
	}
	if config.Log == nil {
		config.Log = slog.Default()
	}
	s := &Store{
		config:    config,
		platform:  platform{MatchComparer: platforms.Default(), spec: platforms.DefaultSpec()},
		locks:     newKeyLock(),
		downloads: semaphore.NewWeighted(downloads),
		flights:   flights{flying: map[flightKey]*flight{}},
		registry:  registryTransport(config),
		usage:     usage{claims: map[string]int{}, used: map[digest.Digest]time.Time{}},
		pulling:   pulling{names: map[string]int{}},
		dirty:     make(chan struct{}, 1),
		grown:     make(chan struct{}, 1),
		unswept:   true,
	}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("open the image store %s: %w", config.Dir, err)
	}
	s.ctx, s.cancel = context.WithCancel(inside(context.Background()))
	if err := s.dropHolds(inside(ctx)); err != nil {
		s.Close()
		return nil, fmt.Errorf("open the image store %s: %w", config.Dir, err)
	}
	s.running.Go(s.collect)
	s.running.Go(s.looksAfter)
	s.soil()
	return s, nil
}

// quieten silences the logger that containerd's libraries use where they have no context.
var quieten = sync.OnceFunc(func() { log.L.Logger.SetOutput(io.Discard) })

func (s *Store) open() (err error) {
	quieten()
	dir := s.config.Dir
	if strings.ContainsAny(dir, `:,\`) {
		return errors.New("overlay mounts can't name layers under a path with a colon, comma or backslash in it: choose a data directory elsewhere")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	options := &bbolt.Options{Timeout: time.Second, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType}
	db, err := bbolt.Open(filepath.Join(dir, "meta.db"), 0o600, options)
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return errors.New("another process has it open")
	case err != nil:
		return fmt.Errorf("its database meta.db: %w", err)
	}
	defer func() {
		if err != nil {
			db.Close()
		}
	}()
	blobs, err := local.NewStore(filepath.Join(dir, "content"))
	if err != nil {
		return err
	}
	snaps, err := overlay.NewSnapshotter(filepath.Join(dir, snapshotter), overlay.AsynchronousRemove)
	if err != nil {
		return err
	}
	s.meta = metadata.NewDB(db, blobs, map[string]snapshots.Snapshotter{snapshotter: snaps})
	if err := s.meta.Init(inside(context.Background())); err != nil {
		snaps.Close()
		return fmt.Errorf("its database meta.db: %w", err)
	}
	s.content = bounded{s.meta.ContentStore()}
	s.images = metadata.NewImageStore(s.meta)
	s.leases = metadata.NewLeaseManager(s.meta)
	s.snaps = s.meta.Snapshotter(snapshotter)
	s.applier = apply.NewFileSystemApplier(s.content)
	s.overlay = snaps
	return nil
}

// Close abandons the pulls under way and closes the store.
func (s *Store) Close() error {
	s.cancel()
	s.running.Wait()
	s.registry.CloseIdleConnections()
	if err := s.writeDown(inside(context.Background())); err != nil {
		s.config.Log.Warn("note when images were used", "error", err)
	}
	return errors.Join(s.overlay.Close(), s.meta.Close())
}

// inside marks a context as one of this store's: containerd's libraries take their namespace and their logger from it.
// What they would log reaches the caller as an error.
func inside(ctx context.Context) context.Context {
	quiet := &logrus.Logger{Out: io.Discard, Formatter: &logrus.TextFormatter{}, Level: logrus.PanicLevel}
	return log.WithLogger(namespaces.WithNamespace(ctx, namespace), logrus.NewEntry(quiet))
}

// hold leases what is brought in under the returned context until drop is called, which collects it again unless an
// image refers to it by then.
func (s *Store) hold(ctx context.Context) (_ context.Context, drop func(), err error) {
	lease, err := s.leases.Create(ctx, leases.WithRandomID(), withPrefix("hold/"))
	if err != nil {
		return nil, nil, err
	}
	drop = func() {
		// A lease that cannot be deleted now is dropped by the next Open.
		_ = s.leases.Delete(context.WithoutCancel(ctx), lease)
		s.soil()
	}
	return leases.WithLease(ctx, lease.ID), drop, nil
}

func (s *Store) dropHolds(ctx context.Context) error {
	held, err := s.leases.List(ctx)
	if err != nil {
		return err
	}
	for _, lease := range held {
		if strings.HasPrefix(lease.ID, "hold/") {
			if err := s.leases.Delete(ctx, lease); err != nil {
				return err
			}
		}
	}
	_, err = s.dropUnfinished(ctx, time.Now(), false)
	return err
}

func withPrefix(prefix string) leases.Opt {
	return func(l *leases.Lease) error {
		l.ID = prefix + l.ID
		return nil
	}
}
