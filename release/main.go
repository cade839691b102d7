// Command release packs what `make build` has built, for the machine's own architecture: an archive of the program, a Debian
// package with its systemd unit, an OCI image that docker load and skopeo read, and their checksums. `make package` runs it.
// It is a module of its own, so that what it needs is nothing that Berth needs.
//
// The same source, version and time give the same bytes.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// release is what is packed, and where to.
type release struct {
	root    string    // of the repository
	out     string    // directory
	version string    // 1.2.3, 1.2.3-rc.1 or 0.0.0-20260102150405-abcdef0
	arch    string    // as Go, Debian and OCI name it: amd64, arm64
	time    time.Time // of every file
}

var versionPattern = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$`)

func main() {
	var r release
	var at int64
	flag.StringVar(&r.root, "root", "..", "the repository's `DIRECTORY`")
	flag.StringVar(&r.out, "out", "../dist", "`DIRECTORY` of what is made")
	flag.StringVar(&r.version, "version", "", "`VERSION`, such as 1.2.3")
	flag.Int64Var(&at, "time", 0, "`SECONDS` since 1970, the time of every file")
	flag.Parse()
	r.time, r.arch = time.Unix(at, 0).UTC(), runtime.GOARCH
	if err := r.make(); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// make makes everything, or says what it lacks.
func (r *release) make() error {
	if !versionPattern.MatchString(r.version) {
		return fmt.Errorf("-version %q: it is three numbers, and maybe a hyphen and more, such as 1.2.3 or 1.2.3-rc.1", r.version)
	}
	if _, err := os.Stat(r.program()); err != nil {
		return fmt.Errorf("%w; `make build` makes it", err)
	}
	if err := os.RemoveAll(r.out); err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	for _, step := range []func() (string, error){r.archive, r.debian, r.image} {
		name, err := step()
		if err != nil {
			return err
		}
		info, err := os.Stat(filepath.Join(r.out, name))
		if err != nil {
			return err
		}
		fmt.Printf("%s  %.1f MB\n", filepath.Join(r.out, name), float64(info.Size())/1e6)
	}
	return r.sums()
}

func (r *release) program() string { return filepath.Join(r.root, "bin", "berth") }

// named is the name of a file of this release.
func (r *release) named(ending string) string {
	return "berth_" + r.version + "_linux_" + r.arch + ending
}

// create makes a file of the release with what write puts into it.
func (r *release) create(name string, write func(*os.File) error) (string, error) {
	f, err := os.OpenFile(filepath.Join(r.out, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return "", err
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return name, nil
}

// documents go with the program wherever it goes: libseccomp's licence asks for it.
var documents = []string{"LICENSE", "NOTICE", "README.md"}

// debianVersion sorts a prerelease before its release, as Debian's versions do.
func (r *release) debianVersion() string { return strings.Replace(r.version, "-", "~", 1) }
