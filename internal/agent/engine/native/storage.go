package native

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// StorageUsed counts what the task's containers wrote, and its volumes that are directories.
func (e *Engine) StorageUsed(ctx context.Context, id string) (int64, error) {
	t := e.task(id)
	if t == nil {
		return 0, fmt.Errorf("task %s: %w", id, engine.ErrNotFound)
	}
	t.mu.Lock()
	containers := t.state.Containers
	t.mu.Unlock()
	count := storage{seen: map[inode]bool{}}
	for _, c := range containers {
		dir, err := e.config.Images.Written(ctx, id, c.Name)
		if err == nil {
			err = count.add(ctx, dir)
		}
		if err != nil && !errors.Is(err, engine.ErrNotFound) {
			return 0, fmt.Errorf("count what container %s wrote: %w", c.Name, err)
		}
	}
	volumes, err := e.Volumes(ctx)
	if err != nil {
		return 0, err
	}
	for _, v := range volumes {
		if v.Task != id || len(v.Options) > 0 {
			continue
		}
		if err := count.add(ctx, v.Path); err != nil {
			return 0, fmt.Errorf("count what is in volume %s: %w", v.Name, err)
		}
	}
	return count.bytes, nil
}

// deepest is how deep directories may lie in one another to be counted: each costs a step for every one above it.
const deepest = 1000

// storage counts what files take on the disk.
type storage struct {
	bytes int64
	seen  map[inode]bool // of those with several names
}

type inode struct{ device, number uint64 }

// add counts all below a directory that others change meanwhile, and who may mean harm: it is never left by a link, and
// what goes before it is looked at takes nothing.
func (s *storage) add(ctx context.Context, dir string) error {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	for left := []string{"."}; len(left) > 0; {
		at := left[len(left)-1]
		left = left[:len(left)-1]
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if strings.Count(at, "/") >= deepest {
			return fmt.Errorf("directories lie more than %d deep in one another", deepest)
		}
		below, err := s.look(root, at)
		if err != nil {
			return err
		}
		left = append(left, below...)
	}
	return nil
}

// look counts a directory's files and returns the directories among them.
func (s *storage) look(root *os.Root, at string) (below []string, err error) {
	dir, err := root.OpenFile(at, unix.O_DIRECTORY, 0)
	switch refused, ok := errors.AsType[unix.Errno](err); {
	case err == nil:
	case !ok || refused == unix.ENOENT || refused == unix.ENOTDIR || refused == unix.ELOOP:
		return nil, nil // it has gone, or is something else by now: a link that leads out, which Root does not follow
	default:
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		var file unix.Stat_t
		if err := unix.Fstatat(int(dir.Fd()), name, &file, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			continue
		}
		isDir := file.Mode&unix.S_IFMT == unix.S_IFDIR
		if isDir {
			below = append(below, path.Join(at, name))
		} else if file.Nlink > 1 {
			id := inode{file.Dev, file.Ino}
			if s.seen[id] {
				continue
			}
			s.seen[id] = true
		}
		s.bytes += file.Blocks * 512
	}
	return below, nil
}
