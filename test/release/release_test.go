// Package release tries what `make package` makes as those do who install it: the checksums, the archive, the Debian package and
// its unit, and the image in Docker.
package release

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/berth-dev/berth/test/berthtest"
)

func TestMain(m *testing.M) { berthtest.OnOwnHost(m) }

const version = "1.2.3-rc.1"

// packed makes the release of the programs in bin, and returns its directory.
func packed(t *testing.T) string {
	t.Helper()
	berthtest.Program(t, "berth")
	root, out := berthtest.Root(t), t.TempDir()
	output(t, "go", "-C", filepath.Join(root, "release"), "run", ".", "-root", root, "-out", out, "-version", version, "-time", "1700000000")
	return out
}

// output is what a command wrote, which must succeed.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	text, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, text)
	}
	return string(text)
}

func TestARelease(t *testing.T) {
	out := packed(t)
	stem := filepath.Join(out, "berth_"+version+"_linux_"+runtime.GOARCH)
	t.Run("checksums", func(t *testing.T) {
		cmd := exec.Command("sha256sum", "--check", "--strict", "SHA256SUMS")
		cmd.Dir = out
		text, err := cmd.CombinedOutput()
		if err != nil || strings.Count(string(text), ": OK") != 3 {
			t.Errorf("%v\n%s", err, text)
		}
	})
	t.Run("archive", func(t *testing.T) {
		dir := t.TempDir()
		output(t, "tar", "-C", dir, "-xzf", stem+".tar.gz")
		answers(t, filepath.Join(dir, filepath.Base(stem), "berth"))
	})
	t.Run("Debian package", func(t *testing.T) {
		file := filepath.Join(out, "berth_1.2.3~rc.1_"+runtime.GOARCH+".deb")
		dir := t.TempDir()
		output(t, berthtest.Tool(t, "dpkg-deb"), "--raw-extract", file, dir)
		answers(t, filepath.Join(dir, "usr/bin/berth"))
		if conf, err := os.ReadFile(filepath.Join(dir, "DEBIAN/conffiles")); err != nil || string(conf) != "/etc/default/berth\n" {
			t.Errorf("conffiles: %q, %v", conf, err)
		}
		for _, script := range []string{"postinst", "prerm", "postrm"} {
			output(t, "sh", "-n", filepath.Join(dir, "DEBIAN", script))
		}
		// What installs and removes it does so where no systemd runs, and takes nothing along that is not Berth's.
		output(t, "sh", filepath.Join(dir, "DEBIAN/postinst"), "configure")
		if _, err := exec.LookPath("systemd-analyze"); err == nil {
			unit, err := os.ReadFile(filepath.Join(dir, "usr/lib/systemd/system/berth.service"))
			if err != nil {
				t.Fatal(err)
			}
			here := filepath.Join(dir, "berth.service")
			installed := strings.ReplaceAll(string(unit), "/usr/bin/berth", filepath.Join(dir, "usr/bin/berth"))
			if err := os.WriteFile(here, []byte(installed), 0o600); err != nil {
				t.Fatal(err)
			}
			output(t, "systemd-analyze", "verify", here)
		}
	})
	t.Run("image", func(t *testing.T) { runImage(t, stem+".oci.tar") })
}

// answers fails unless the program says which version it is.
func answers(t *testing.T, program string) {
	t.Helper()
	if have := output(t, program, "version"); !strings.HasPrefix(have, "berth ") {
		t.Errorf("%s says %q", program, have)
	}
}

// runImage runs a task in a Berth that runs in a container.
func runImage(t *testing.T, archive string) {
	docker := berthtest.Tool(t, "docker")
	socket := berthtest.StartDocker(t).Socket
	run := func(args ...string) string {
		t.Helper()
		return output(t, docker, append([]string{"--host", "unix://" + socket}, args...)...)
	}
	run("load", "--input", archive)
	name := "berth:" + version
	if have := run("run", "--rm", "--network", "none", name, "version"); !strings.HasPrefix(have, "berth ") {
		t.Errorf("it says %q", have)
	}
	// What --privileged gives, and no more than this machine itself may have.
	run("run", "--detach", "--name", "one", "--network", "host", "--cgroupns", "host", "--volume", "/sys/fs/cgroup:/sys/fs/cgroup",
		"--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN", "--cap-add", "SYS_PTRACE",
		"--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined", "--security-opt", "systempaths=unconfined",
		"--volume", filepath.Join(t.TempDir(), "data")+":/var/lib/berth", name, "dev", "--listen", "127.0.0.1:0")
	defer run("rm", "--force", "one")
	run("exec", "one", "/usr/bin/berth", "wait", "ready")
	definition := filepath.Join(berthtest.Root(t), "examples/hello-web/task-definition.json")
	run("cp", definition, "one:/tmp/task.json")
	run("exec", "one", "/usr/bin/berth", "run", "/tmp/task.json")
	if have := run("exec", "one", "/usr/bin/berth", "ps"); !strings.Contains(have, "RUNNING") {
		t.Errorf("the task does not run:\n%s", have)
	}
	run("stop", "--time", "30", "one") // which ends its tasks
	run("run", "--rm", "--volumes-from", "one", "--network", "host", "--cgroupns", "host", "--volume", "/sys/fs/cgroup:/sys/fs/cgroup",
		"--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN", name, "clean")
}
