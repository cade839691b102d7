package image

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/berth-dev/berth/internal/docker"
)

// BenchmarkPresent is what a start pays for the question whether its image is here.
func BenchmarkPresent(b *testing.B) {
	d := newDocker(b)
	nobody := docker.Person{UID: 1 << 30, Home: b.TempDir(), Lookup: func(string) string { return "" }}
	for name, config := range map[string]Config{
		"alone":            {},
		"no Docker":        {Docker: docker.NewDaemon(nobody, "")},
		"a socket unheard": {Docker: docker.NewDaemon(nobody, filepath.Join(b.TempDir(), "none.sock"))},
		"beside Docker":    {Docker: docker.NewDaemon(nobody, d.socket)},
	} {
		b.Run(name, func(b *testing.B) {
			config.Dir = b.TempDir()
			s := openStore(b, config)
			archive := dockerArchive(b, "myapp:dev", buildImage(b, thisArch, file{"version", "1"}))
			if _, err := s.Import(b.Context(), bytes.NewReader(archive), nil); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := obtain(b, s, "myapp:dev"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
