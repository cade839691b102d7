package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/test/berthtest"
)

// built is the program as it comes out when what it embeds is another berth-shim, or none ("").
func built(t *testing.T, shim string) string {
	t.Helper()
	dir := t.TempDir()
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(berthtest.Root(t), "internal/embedded/files/berth-shim.zst"): shim,
	}})
	if err != nil {
		t.Fatal(err)
	}
	path, list := filepath.Join(dir, "berth"), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o644); err != nil {
		t.Fatal(err)
	}
	golang(t, nil, "build", "-trimpath", "-ldflags", "-s -w", "-overlay", list, "-o", path, "./cmd/berth") // as make does: all is built already
	return path
}

// golang runs the go command at the repository's root.
func golang(t *testing.T, env []string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = berthtest.Root(t), append(os.Environ(), append([]string{"CGO_ENABLED=0"}, env...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %v: %v\n%s", args, err, out)
	}
}

func TestBuiltWithoutTheShim(t *testing.T) {
	data := place(t)
	program := built(t, "")
	run(t, exec.Command(program, "--data-dir", data, "dev", "--listen", "127.0.0.1:0")).
		refused(t, 1, "this berth was built without its berth-shim program; build it with `make build`")
}

func TestBuiltWithoutSeccomp(t *testing.T) {
	data := place(t)
	dir := t.TempDir()
	shim, packed := filepath.Join(dir, "berth-shim"), filepath.Join(dir, "berth-shim.zst")
	golang(t, []string{"CGO_ENABLED=1"}, "build", "-trimpath", "-tags", "netgo osusergo", "-ldflags", "-s -w -extldflags -static", "-o", shim, "./cmd/berth-shim")
	golang(t, nil, "run", "./internal/embedded/pack", shim, packed)
	program := built(t, packed)
	run(t, exec.Command(program, "--data-dir", data, "dev", "--listen", "127.0.0.1:0")).
		refused(t, 1, "this berth-shim was built without seccomp", "accept that with --no-seccomp")
	if c := run(t, exec.Command(program, "--data-dir", data, "dev", "-d", "--no-seccomp", "--listen", "127.0.0.1:0")); c.code != 0 {
		t.Fatal(c.stderr)
	}
	if c := run(t, exec.Command(program, "--data-dir", data, "run", helloWeb)); c.code != 0 {
		t.Errorf("a task without a filter: %s", c.stderr)
	}
}
