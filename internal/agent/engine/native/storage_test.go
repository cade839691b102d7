package native

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatFilesTakeOnTheDisk(t *testing.T) {
	const mib = 1 << 20
	fill := func(t *testing.T, path string, size int) {
		t.Helper()
		must(t, errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, make([]byte, size), 0o644)))
	}
	for _, c := range []struct {
		name string
		make func(t *testing.T, dir, outside string)
		want int64 // MiB, rounded
	}{
		{"files at every depth", func(t *testing.T, dir, _ string) {
			fill(t, dir+"/a", mib)
			fill(t, dir+"/b/c/d/e", 2*mib)
		}, 3},
		{"a file with two names counts once", func(t *testing.T, dir, _ string) {
			fill(t, dir+"/a", 2*mib)
			must(t, errors.Join(os.Mkdir(dir+"/b", 0o755), os.Link(dir+"/a", dir+"/b/a")))
		}, 2},
		{"a file counts by what it takes, not by its length", func(t *testing.T, dir, _ string) {
			fill(t, dir+"/a", 0)
			must(t, os.Truncate(dir+"/a", 1<<40))
		}, 0},
		{"links are not followed", func(t *testing.T, dir, outside string) {
			fill(t, outside+"/big", 8*mib)
			fill(t, dir+"/a", mib)
			must(t, errors.Join(os.Symlink(outside, dir+"/out"), os.Symlink(outside+"/big", dir+"/big"), os.Symlink(".", dir+"/self")))
		}, 1},
		{"a directory that is not there takes nothing", func(t *testing.T, dir, _ string) { must(t, os.RemoveAll(dir)) }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, outside := t.TempDir(), t.TempDir()
			c.make(t, dir, outside)
			s := storage{seen: map[inode]bool{}}
			must(t, s.add(t.Context(), dir))
			if got := (s.bytes + mib/2) / mib; got != c.want {
				t.Errorf("%d bytes, want %d MiB", s.bytes, c.want)
			}
		})
	}
}

func TestCountingFilesIsBounded(t *testing.T) {
	dir := t.TempDir()
	at, err := os.OpenRoot(dir)
	must(t, err)
	must(t, at.MkdirAll(strings.Repeat("d/", deepest+1), 0o755))
	must(t, at.Close())
	s := storage{seen: map[inode]bool{}}
	if err := s.add(t.Context(), dir); err == nil {
		t.Error("directories in one another without an end were counted")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.add(ended, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of its context it says %v", err)
	}
}
