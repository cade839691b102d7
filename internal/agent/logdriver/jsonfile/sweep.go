package jsonfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// What is kept of tasks that have ended: their files stay for as long as the ECS agent leaves a stopped task's containers to
// Docker, and no longer than there is room.
const (
	keptFor   = 3 * time.Hour
	keptBytes = 1 << 30
	keptTasks = 1000
)

// Ended notes that a task has come to its end now, from which time on its files are old.
func (d *Driver) Ended(task string) error {
	now := time.Now()
	err := os.Chtimes(filepath.Join(d.Dir, task), now, now)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it has printed nothing
	}
	return err
}

// Sweep removes the files of tasks that ended long ago, and of those that ended first where there are too many. lives says of
// which tasks none is removed.
func (d *Driver) Sweep(lives func(task string) bool) error {
	entries, err := os.ReadDir(d.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	type remains struct {
		path  string
		ended time.Time
		bytes int64
	}
	var found []remains
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || lives(e.Name()) {
			continue
		}
		path := filepath.Join(d.Dir, e.Name())
		found = append(found, remains{path, info.ModTime(), bytesIn(path)})
	}
	slices.SortFunc(found, func(a, b remains) int { return b.ended.Compare(a.ended) })
	total := int64(0)
	for i, r := range found {
		if total += r.bytes; i >= keptTasks || total > keptBytes || time.Since(r.ended) > keptFor {
			err = errors.Join(err, os.RemoveAll(r.path))
		}
	}
	return err
}

func bytesIn(dir string) (total int64) {
	entries, _ := os.ReadDir(dir) // what can't be read counts as nothing, and is removed by its age
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			total += info.Size()
		}
	}
	return total
}
