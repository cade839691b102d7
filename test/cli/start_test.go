package cli

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-dev/berth/test/berthtest"
)

// berthWhere runs `berth ARGS` after a shell has changed its mounts, in a mount namespace of its own.
func berthWhere(t *testing.T, mounts string, args ...string) call {
	t.Helper()
	sh := []string{"--mount", "--propagation", "private", "sh", "-ec", mounts + "\n" + `exec "$@"`, "sh", berthtest.Program(t, "berth")}
	return run(t, exec.Command("unshare", append(sh, args...)...))
}

// as is how a command line begins that runs as the user nobody.
var as = []string{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "env", "HOME=/nonexistent"}

func TestStartsThatAreRefused(t *testing.T) {
	data := place(t)
	unified := "umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup"
	if text, err := os.ReadFile("/sys/fs/cgroup/cgroup.controllers"); err == nil && strings.Contains(string(text), "memory") {
		unified = "" // this machine is one of those that have the controllers there
	}
	noMemory := "umount /sys/fs/cgroup/memory"
	if _, err := os.Stat("/sys/fs/cgroup/memory"); err != nil {
		noMemory = ""
	}
	tests := map[string]struct{ mounts, says string }{
		"no control groups":                    {"umount -R /sys/fs/cgroup", "no control groups are mounted"},
		"control groups without memory":        {noMemory, "no control groups are mounted that limit containers (memory): mount them"},
		"control groups without controllers":   {unified, "start the kernel with cgroup_enable=cpu,memory,pids"},
		"read-only control groups":             {"for m in $(awk '$3 ~ /^cgroup/ {print $2}' /proc/mounts); do mount -o remount,ro,bind $m; done", "read-only, so containers can't get limits: inside a container, run it privileged"},
		"/run not writable":                    {"mount -t tmpfs -o ro none /run", "/run must be writable"},
		"a data directory that is noexec":      {"mkdir -p " + data + "; mount -t tmpfs -o noexec none " + data, "mounted noexec, choose a data directory elsewhere"},
		"a data directory that is read-only":   {"mkdir -p " + data + "; mount -t tmpfs -o ro none " + data, "read-only file system"},
		"a disk that is too small to begin on": {"mkdir -p " + data + "; mount -t tmpfs -o size=64m none " + data, "MiB are free under " + data + " and 192 MiB have to be"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.mounts == "" {
				t.Skip("not on this machine's control groups")
			}
			berthWhere(t, test.mounts, "--data-dir", data, "dev", "--listen", "127.0.0.1:0").refused(t, 1, test.says)
			removeAll(t, data)
		})
	}
}

func TestAPortThatIsTaken(t *testing.T) {
	data := place(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	says := []string{"--listen " + taken.Addr().String() + " is taken", "--listen 127.0.0.1:0"}
	berth(t, "--data-dir", data, "dev", "--listen", taken.Addr().String()).refused(t, 1, says...)
	berth(t, "--data-dir", data, "dev", "-d", "--listen", taken.Addr().String()).refused(t, 1, says...)

	dev(t, data)
	at := strings.TrimPrefix(endpointOf(t, data), "http://")
	berth(t, "--data-dir", place(t), "dev", "--region", "eu-west-1", "--listen="+at).refused(t, 1, "is taken by another Berth", "dev --region eu-west-1 --listen 127.0.0.1:0`")
}

func TestADataDirectoryInUse(t *testing.T) {
	data := place(t)
	first := decode[struct {
		DataDir string `json:"dataDir"`
	}](t, berth(t, "--data-dir", data, "dev", "-d", "--listen", "127.0.0.1:0", "--output", "json"))
	berth(t, "--data-dir", data, "dev", "--listen", "127.0.0.1:0").refused(t, 1, data, "another Berth runs on this data directory", "--data-dir "+data+" down` ends it", "--name starts another beside it")
	berth(t, "--data-dir", data, "clean").refused(t, 1, "--data-dir "+data+" down` first")
	again := berth(t, "--data-dir", data, "dev", "-d")
	if again.code != 0 || !strings.Contains(again.stdout, "runs already") {
		t.Errorf("dev -d beside one that runs: %+v", again)
	}
	if first.DataDir != data {
		t.Errorf("it says that its data is in %s", first.DataDir)
	}
}

func TestWithoutRoot(t *testing.T) {
	data := place(t)
	program := filepath.Join(filepath.Dir(data), "berth") // where nobody may reach it
	text, err := os.ReadFile(berthtest.Program(t, "berth"))
	if err == nil {
		err = os.WriteFile(program, text, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	nobody := func(args ...string) call {
		t.Helper()
		return run(t, exec.Command(as[0], append(append(as[1:len(as):len(as)], program), args...)...))
	}
	nobody("--data-dir", data, "dev").refused(t, 1, "takes root", "`sudo "+program+" --data-dir "+data+" dev`", "--engine fake")

	if c := berth(t, "--data-dir", data, "dev", "-d", "--listen", "127.0.0.1:0"); c.code != 0 {
		t.Fatal(c.stderr)
	}
	for _, line := range []string{"env", "ps", "ps -a", "run x", "down", "clean", "reset", "image ls", "volume ls", "wait ready"} {
		args := append([]string{"--data-dir", data}, strings.Fields(line)...)
		nobody(args...).refused(t, 1, "not yours but root's", "`sudo "+program+" --data-dir "+data+" "+line+"`")
	}
	nobody("--data-dir", data, "dev", "--engine", "fake").refused(t, 1, "is user 0's, and Berth runs as user 65534")

	// What they may do is to try the APIs, on a directory of their own.
	own := filepath.Join(filepath.Dir(data), "own")
	if err := os.Mkdir(own, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(own, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	own = filepath.Join(own, "data")
	for _, args := range [][]string{
		{"dev", "-d", "--engine", "fake", "--listen", "127.0.0.1:0"},
		{"run", filepath.Join(berthtest.Root(t), "examples/hello-web/task-definition.json")},
		{"ps"}, {"stop", "hello-web"}, {"down"},
	} {
		if args[0] == "run" { // its directory may be closed to nobody
			args[1] = copied(t, args[1], filepath.Dir(data))
		}
		if c := nobody(append([]string{"--data-dir", own}, args...)...); c.code != 0 {
			t.Errorf("berth %v: %s", args, c.stderr)
		}
	}
	berth(t, "--data-dir", own, "dev").refused(t, 1, "is user 65534's, and Berth runs as user 0", "`chown -R root "+own+"`")
	if c := nobody("--data-dir", own, "clean"); c.code != 0 {
		t.Errorf("berth clean: %s", c.stderr)
	}
}

func copied(t *testing.T, file, dir string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, filepath.Base(file))
	if err := os.WriteFile(to, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return to
}
