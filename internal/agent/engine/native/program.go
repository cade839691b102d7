package native

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/go-json-experiment/json"
	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/embedded"
	"github.com/berth-dev/berth/internal/shim"
)

// installShim writes the embedded shim under the hash of its content, unless it is there, and returns its path. Shims of
// other versions stay for the tasks that run on them.
func installShim(config Config) (string, error) {
	if config.Shim != "" {
		return filepath.Abs(config.Shim)
	}
	program, err := embedded.Shim()
	if err != nil {
		return "", err
	}
	path := filepath.Join(config.BinDir, fmt.Sprintf("berth-shim-%.6x", sha256.Sum256(program)))
	if at, err := os.Stat(path); err == nil && at.Size() == int64(len(program)) {
		return path, nil
	}
	if err := write(path, program, 0o755); err != nil {
		return "", fmt.Errorf("install the shim: %w", err)
	}
	return path, nil
}

// write makes a file that is whole, or as it was before, whatever happens meanwhile, to the machine too.
func write(path string, content []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err := errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func readFeatures(ctx context.Context, program string) (shim.Features, error) {
	var features shim.Features
	out, err := exec.CommandContext(ctx, program, "features").Output()
	if errors.Is(err, fs.ErrPermission) {
		return features, fmt.Errorf("run the shim: %w; if its filesystem is mounted noexec, choose a data directory elsewhere", err)
	}
	if err != nil {
		return features, fmt.Errorf("run the shim %s: %w", program, err)
	}
	if err := json.Unmarshal(out, &features); err != nil {
		return features, fmt.Errorf("read what the shim %s can do: %w", program, err)
	}
	return features, nil
}

// checkSeccomp refuses to run containers unfiltered without being told to.
func checkSeccomp(features shim.Features) error {
	if !features.Seccomp {
		return errors.New("this berth-shim was built without seccomp, so containers could make every system call: " +
			"build it with `make build`, which installs libseccomp's headers, or accept that with --no-seccomp")
	}
	if err := unix.Prctl(unix.PR_GET_SECCOMP, 0, 0, 0, 0); errors.Is(err, unix.EINVAL) {
		return errors.New("this kernel is built without seccomp, so containers could make every system call: " +
			"use another kernel, or accept that with --no-seccomp")
	}
	return nil
}

// openFiles is Fargate's default limit, not whatever the agent's starter has, unless that forbids so many.
func openFiles() uint64 {
	const fargate = 65535
	var own unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &own); err != nil || own.Max > fargate {
		return fargate
	}
	return own.Max
}
