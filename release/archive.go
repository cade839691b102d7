package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// archive is the program and its documents in a directory of the release's name.
func (r *release) archive() (string, error) {
	dir := strings.TrimSuffix(r.named(""), "/")
	return r.create(r.named(".tar.gz"), func(out *os.File) error {
		zip, err := gzip.NewWriterLevel(out, gzip.BestCompression)
		if err != nil {
			return err
		}
		t := tar.NewWriter(zip)
		err = r.add(t, dir+"/berth", r.program(), 0o755)
		for _, name := range documents {
			err = errors.Join(err, r.add(t, dir+"/"+name, filepath.Join(r.root, name), 0o644))
		}
		return errors.Join(err, t.Close(), zip.Close())
	})
}

// add writes a file of the machine into an archive under a name, as root's.
func (r *release) add(t *tar.Writer, name, path string, mode int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: info.Size(), Mode: mode, ModTime: r.time}); err != nil {
		return err
	}
	_, err = io.Copy(t, f)
	return err
}

// sums writes the checksums of all that is there, as sha256sum --check reads them.
func (r *release) sums() error {
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var lines strings.Builder
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(r.out, entry.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&lines, "%x  %s\n", sha256.Sum256(content), entry.Name())
	}
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), []byte(lines.String()), 0o644)
}
