// Package native is the engine that needs nothing but a Linux kernel: each task is kept by a process of its own, the
// shim (cmd/berth-shim), which outlives the agent and is adopted by the next one. internal/agent/task uses it as
// engine.Engine.
//
// What the engine knows is in <run dir>/shims/<task>/: whoever holds the lock file there keeps the task. A directory whose
// lock is free belongs to nobody: its shim died, and the engine buries what it left and reports the task lost.
package native

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/native/spec"
	"github.com/berth-dev/berth/internal/shim"
	"github.com/berth-dev/berth/internal/shim/cgroup"
)

// Config of an engine.
type Config struct {
	// Instance is the id that every kernel object carries.
	Instance string
	// RunDir is the instance's run directory: /run/berth/<instance>. Shims live under it.
	RunDir string
	// BinDir is where shim programs are kept, by the hash of their content: <data>/bin.
	BinDir string
	// Volumes is the directory of volumes: <data>/volumes. Without it there are none.
	Volumes string
	// Images is the image store.
	Images Images
	// Shim is the path of a berth-shim to use instead of the embedded one.
	Shim string
	// NoSeccomp starts containers without a system call filter. Otherwise a shim or kernel without seccomp is an error.
	NoSeccomp bool
	// Log gets what no caller is told. Default: slog.Default.
	Log *slog.Logger
}

// Engine is an engine.Engine.
type Engine struct {
	config  Config
	tree    cgroup.Tree
	program string // path of the shim that new tasks get
	machine spec.Machine
	volumes volumes

	life  context.Context // ends with Close
	end   context.CancelFunc
	going sync.WaitGroup

	mu    sync.Mutex
	tasks map[string]*task
}

var _ engine.Engine = (*Engine)(nil)

// New makes the engine ready and adopts the shims that an earlier agent of the instance left running.
func New(ctx context.Context, config Config) (*Engine, error) {
	if config.Log == nil {
		config.Log = slog.Default()
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("the native engine starts containers and must run as root")
	}
	if err := checkRights(); err != nil {
		return nil, err
	}
	tree, err := cgroup.Find()
	if err != nil {
		return nil, err
	}
	if err := tree.Check(); err != nil {
		return nil, err
	}
	e := &Engine{config: config, tree: tree, tasks: map[string]*task{}, volumes: volumes{dir: config.Volumes}}
	if err := e.volumes.load(); err != nil {
		return nil, err
	}
	if e.program, err = installShim(config); err != nil {
		return nil, err
	}
	features, err := readFeatures(ctx, e.program)
	if err != nil {
		return nil, err
	}
	if !config.NoSeccomp {
		if err := checkSeccomp(features); err != nil {
			return nil, err
		}
	}
	shims := tree.Group(shim.ShimsGroup(config.Instance))
	if err := shims.Create(); err != nil {
		return nil, err
	}
	e.machine = spec.Machine{
		UnifiedCgroups: tree.Unified(), SwapAccounting: shims.LimitsSwap(), Seccomp: !config.NoSeccomp,
		OpenFiles: openFiles(), RecursiveReadonly: unix.MountSetattr(-1, "", unix.AT_EMPTY_PATH, &unix.MountAttr{}) != unix.ENOSYS,
	}
	if e.machine.AppArmor, err = loadAppArmor(config.Instance); err != nil {
		return nil, err
	}
	e.life, e.end = context.WithCancel(context.WithoutCancel(ctx))
	if err := e.adopt(ctx); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// Close lets go of the tasks; they go on.
func (e *Engine) Close() error {
	e.end()
	e.going.Wait()
	return nil
}

// PullImage makes an image present. The root file system of the container that it is for is prepared at once: it is
// several syncs of the disk, which pass while the task's shim comes up.
func (e *Engine) PullImage(ctx context.Context, req engine.PullRequest, progress func(engine.PullProgress)) (engine.Image, error) {
	return e.config.Images.Pull(ctx, req, progress)
}

// ImportImage reads images from an archive.
func (e *Engine) ImportImage(ctx context.Context, archive io.Reader, progress func(engine.PullProgress)) ([]engine.Image, error) {
	return e.config.Images.Import(ctx, archive, progress)
}

// Images lists the images present.
func (e *Engine) Images(ctx context.Context) ([]engine.Image, error) {
	return e.config.Images.List(ctx)
}

// RemoveImage removes an image's name.
func (e *Engine) RemoveImage(ctx context.Context, name string) error {
	return e.config.Images.Remove(ctx, name)
}

// PruneImages removes images that no task uses.
func (e *Engine) PruneImages(ctx context.Context, req engine.PruneRequest) ([]engine.Image, error) {
	return e.config.Images.Prune(ctx, req)
}

// Tasks lists all tasks that have a directory, hold an image or have a volume, in order.
func (e *Engine) Tasks(ctx context.Context) ([]string, error) {
	kept, err := e.kept()
	if err != nil {
		return nil, err
	}
	held, err := e.config.Images.Tasks(ctx)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(kept, held, e.volumes.tasks())
	slices.Sort(all)
	return slices.Compact(all), nil
}

// kept lists all tasks that have a directory.
func (e *Engine) kept() (ids []string, err error) {
	entries, err := os.ReadDir(e.shims())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, entry := range entries {
		ids = append(ids, entry.Name())
	}
	return ids, nil
}

func (e *Engine) shims() string          { return filepath.Join(e.config.RunDir, "shims") }
func (e *Engine) dir(task string) string { return filepath.Join(e.shims(), task) }
func (e *Engine) task(id string) *task   { e.mu.Lock(); defer e.mu.Unlock(); return e.tasks[id] }
func (e *Engine) group(id string) cgroup.Group {
	return e.tree.Group(shim.TaskGroup(e.config.Instance, id))
}

// add makes a task known and follows it.
func (e *Engine) add(t *task) {
	e.mu.Lock()
	e.tasks[t.id] = t
	e.mu.Unlock()
	e.going.Go(t.follow)
}

// adoptTime bounds how long adoption waits for shims that don't answer; it goes on without them.
const adoptTime = 3 * time.Second

// adopt takes over every directory under shims, all at once. It returns when each task's state is known.
func (e *Engine) adopt(ctx context.Context) error {
	if err := os.MkdirAll(e.shims(), 0o700); err != nil {
		return fmt.Errorf("make the run directory: %w; sockets and namespaces live there, so /run must be writable", err)
	}
	ids, err := e.kept()
	if err != nil {
		return err
	}
	var adopted []*task
	for _, id := range ids {
		if _, err := os.Stat(filepath.Join(e.dir(id), shim.TaskFile)); err != nil {
			continue // its creation got no further than the directory: CreateTask begins again, RemoveTask removes it
		}
		t := newTask(e, id)
		e.add(t)
		adopted = append(adopted, t)
	}
	late := time.After(adoptTime)
	for _, t := range adopted {
		select {
		case <-t.known:
		case <-late:
			e.config.Log.Warn("some shims have not answered yet", "first", t.id)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	e.dropOldShims(adopted)
	return nil
}

// dropOldShims removes the programs that no shim runs any more.
func (e *Engine) dropOldShims(adopted []*task) {
	if e.config.Shim != "" {
		return
	}
	keep := []string{e.program}
	for _, t := range adopted {
		if path, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", t.pid())); err == nil {
			keep = append(keep, path)
		}
	}
	old, _ := filepath.Glob(filepath.Join(e.config.BinDir, "berth-shim-*"))
	for _, path := range old {
		if !slices.Contains(keep, path) {
			os.Remove(path)
		}
	}
}

// lockDir takes the lock of a task's directory: nobody keeps the task. errHeld: somebody does.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, shim.LockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errHeld
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return f, nil
}

var errHeld = errors.New("the task is kept by a process")
