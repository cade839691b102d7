// Package enginetest is the conformance suite that every engine.Engine runs: what the contract in package engine says,
// tried on real or pretended containers. Tests of the engines call it.
package enginetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// BuildProbe builds the program that the suite's containers run, static, and returns its path in dir.
func BuildProbe(dir string) (string, error) {
	path := filepath.Join(dir, "probe")
	return path, build(path, []string{"CGO_ENABLED=0"}, "-trimpath", "-ldflags", "-s -w", "github.com/berth-dev/berth/internal/agent/engine/enginetest/probe")
}

// BuildShim builds berth-shim as `make build` does, which needs a C compiler and libseccomp, and returns its path in dir.
func BuildShim(dir string) (string, error) {
	path := filepath.Join(dir, "berth-shim")
	return path, build(path, []string{"CGO_ENABLED=1"}, "-trimpath", "-tags", "seccomp netgo osusergo",
		"-ldflags", "-s -w -extldflags -static", "github.com/berth-dev/berth/cmd/berth-shim")
}

// programs is the environment variable that names a directory in which the programs are built already.
const programs = "BERTH_TEST_PROGRAMS"

func build(out string, env []string, args ...string) error {
	if dir := os.Getenv(programs); dir != "" {
		return os.Symlink(filepath.Join(dir, filepath.Base(out)), out)
	}
	cmd := exec.Command("go", append([]string{"build", "-o", out}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", filepath.Base(out), err, text)
	}
	return nil
}

// BuildFloor builds the program that starts containers with libcontainer alone, for benchmarks, and returns its path.
func BuildFloor(dir string) (string, error) {
	path := filepath.Join(dir, "floor")
	return path, build(path, []string{"CGO_ENABLED=1"}, "-trimpath", "-tags", "seccomp netgo osusergo",
		"-ldflags", "-s -w -extldflags -static", "github.com/berth-dev/berth/cmd/berth-shim/floor")
}
