package native

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// What a container is told in Docker's terms is what its process sees.
func TestSettingsReachTheProcess(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	host := t.TempDir()
	must(t, os.WriteFile(filepath.Join(host, "file"), []byte("from the host\n"), 0o644))
	yes := true
	for _, c := range []struct {
		name string
		args []string
		with func(c *engine.ContainerSpec)
		want string // output
		code int
	}{
		{name: "the image's environment", args: []string{"env", "FROM_IMAGE"}, want: "yes\n"},
		{name: "the container's environment wins", args: []string{"env", "FROM_IMAGE"}, want: "no\n",
			with: func(c *engine.ContainerSpec) { c.Config.Env = []string{"FROM_IMAGE=no"} }},
		{name: "a default path", args: []string{"env", "PATH"}, want: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"},
		{name: "home is looked up", args: []string{"env", "HOME"}, want: "/home/alice\n",
			with: func(c *engine.ContainerSpec) { c.Config.User = "alice" }},
		{name: "an entrypoint before the command", args: []string{"3"}, code: 3,
			with: func(c *engine.ContainerSpec) {
				c.Config.Entrypoint, c.Config.Cmd = []string{"/probe", "exit"}, []string{"3"}
			}},
		{name: "the working directory is made", args: []string{"pwd"}, want: "/srv/new\n",
			with: func(c *engine.ContainerSpec) { c.Config.WorkingDir = "/srv/new" }},
		{name: "root and its group", args: []string{"id"}, want: "0 0 [0]\n"},
		{name: "a user by name with its groups", args: []string{"id"}, want: "1000 1000 [29 1000]\n",
			with: func(c *engine.ContainerSpec) { c.Config.User = "alice" }},
		{name: "a user and group by number", args: []string{"id"}, want: "12 34 [34]\n",
			with: func(c *engine.ContainerSpec) { c.Config.User = "12:34" }},
		{name: "added groups", args: []string{"id"}, want: "0 0 [0 44 77]\n",
			with: func(c *engine.ContainerSpec) { c.Host.GroupAdd = []string{"video", "77"} }},
		{name: "docker's default capabilities", args: []string{"status", "CapEff"}, want: "00000000a80425fb\n"},
		{name: "all capabilities dropped but one", args: []string{"status", "CapEff"}, want: "0000000000000400\n",
			with: func(c *engine.ContainerSpec) {
				c.Host.CapDrop, c.Host.CapAdd = []string{"ALL"}, []string{"NET_BIND_SERVICE"}
			}},
		{name: "all capabilities dropped", args: []string{"status", "CapEff"}, want: "0000000000000000\n",
			with: func(c *engine.ContainerSpec) { c.Host.CapDrop = []string{"ALL"} }},
		{name: "all capabilities dropped, of what it may ever have", args: []string{"status", "CapBnd"}, want: "0000000000000000\n",
			with: func(c *engine.ContainerSpec) { c.Host.CapDrop = []string{"ALL"} }},
		{name: "a user other than root has none", args: []string{"status", "CapEff"}, want: "0000000000000000\n",
			with: func(c *engine.ContainerSpec) { c.Config.User = "alice" }},
		{name: "system calls are filtered", args: []string{"status", "Seccomp"}, want: "2\n"},
		{name: "the filter forbids new user namespaces", args: []string{"unshare"}, code: 1,
			want: "fork/exec /proc/self/exe: operation not permitted\n"},
		{name: "the filter lets through what an added capability is for", args: []string{"unshare"},
			with: func(c *engine.ContainerSpec) { c.Host.CapAdd = []string{"SYS_ADMIN"} }},
		{name: "seccomp=unconfined", args: []string{"status", "Seccomp"}, want: "0\n",
			with: func(c *engine.ContainerSpec) { c.Host.SecurityOpt = []string{"seccomp=unconfined"} }},
		{name: "no new privileges", args: []string{"status", "NoNewPrivs"}, want: "1\n",
			with: func(c *engine.ContainerSpec) { c.Host.SecurityOpt = []string{"no-new-privileges:true"} }},
		{name: "privileged", args: []string{"status", "Seccomp"}, want: "0\n",
			with: func(c *engine.ContainerSpec) { c.Host.Privileged = true }},
		{name: "a writable root", args: []string{"write", "/file"}},
		{name: "a read-only root", args: []string{"write", "/file"}, code: 1, want: "open /file: read-only file system\n",
			with: func(c *engine.ContainerSpec) { c.Host.ReadonlyRootfs = true }},
		{name: "the files of /etc on a read-only root", args: []string{"write", "/etc/hostname"}, code: 1,
			want: "open /etc/hostname: read-only file system\n",
			with: func(c *engine.ContainerSpec) { c.Host.ReadonlyRootfs = true }},
		{name: "tmpfs on a read-only root", args: []string{"write", "/scratch/file"},
			with: func(c *engine.ContainerSpec) {
				c.Host.ReadonlyRootfs, c.Host.Tmpfs = true, map[string]string{"/scratch": "rw,size=1m"}
			}},
		{name: "a bind", args: []string{"cat", "/data/file"}, want: "from the host\n",
			with: func(c *engine.ContainerSpec) { c.Host.Binds = []string{host + ":/data:ro"} }},
		{name: "a read-only bind", args: []string{"write", "/data/file"}, code: 1, want: "open /data/file: read-only file system\n",
			with: func(c *engine.ContainerSpec) { c.Host.Binds = []string{host + ":/data:ro"} }},
		{name: "a mount", args: []string{"cat", "/data/file"}, want: "from the host\n",
			with: func(c *engine.ContainerSpec) {
				c.Host.Mounts = []mount.Mount{{Type: mount.TypeBind, Source: host, Target: "/data"}}
			}},
		{name: "an ulimit", args: []string{"limit"}, want: "1000 2000\n",
			with: func(c *engine.ContainerSpec) {
				c.Host.Ulimits = []*container.Ulimit{{Name: "core", Soft: 1000, Hard: 2000}}
			}},
		{name: "a hostname", args: []string{"hostname"}, want: "web-1\n", with: func(c *engine.ContainerSpec) { c.Config.Hostname = "web-1" }},
		{name: "its file", args: []string{"cat", "/etc/hostname"}, want: "web-1\n",
			with: func(c *engine.ContainerSpec) { c.Config.Hostname = "web-1" }},
		{name: "masked paths", args: []string{"cat", "/proc/timer_list"}},
		{name: "read-only paths", args: []string{"write", "/proc/sys/kernel/hostname"}, code: 1,
			want: "open /proc/sys/kernel/hostname: read-only file system\n"},
		{name: "a sysctl", args: []string{"cat", "/proc/sys/kernel/msgmax"}, want: "9999\n",
			with: func(c *engine.ContainerSpec) { c.Host.Sysctls = map[string]string{"kernel.msgmax": "9999"} }},
		{name: "ports below 1024 are for everybody", args: []string{"cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start"}, want: "0\n"},
		{name: "an OOM score", args: []string{"cat", "/proc/self/oom_score_adj"}, want: "500\n",
			with: func(c *engine.ContainerSpec) { c.Host.OomScoreAdj = 500 }},
		{name: "no OOM score of the shim's", args: []string{"cat", "/proc/self/oom_score_adj"}, want: "0\n"},
		{name: "an init reaps orphans", args: []string{"orphan"}, want: "dead 0 pid ",
			with: func(c *engine.ContainerSpec) { c.Host.Init = &yes }},
		{name: "an init passes the exit code on", args: []string{"exit", "5"}, code: 5,
			with: func(c *engine.ContainerSpec) { c.Host.Init = &yes }},
		{name: "death by a signal under an init", args: []string{"kill", "9"}, code: 137,
			with: func(c *engine.ContainerSpec) { c.Host.Init = &yes }},
		{name: "nothing to read", args: []string{"stdin"}, want: "device 1:3\n"},
		{name: "an open stdin", args: []string{"stdin"}, want: "pipe\n", with: func(c *engine.ContainerSpec) { c.Config.OpenStdin = true }},
		{name: "a terminal", args: []string{"stdin"}, want: "terminal 90x30\r\n",
			with: func(c *engine.ContainerSpec) { c.Config.Tty, c.Host.ConsoleSize = true, [2]uint{30, 90} }},
		{name: "a terminal's kind", args: []string{"env", "TERM"}, want: "xterm\r\n", with: func(c *engine.ContainerSpec) { c.Config.Tty = true }},
		{name: "a terminal's kind that is asked for", args: []string{"env", "TERM"}, want: "vt100\r\n",
			with: func(c *engine.ContainerSpec) { c.Config.Tty, c.Config.Env = true, []string{"TERM=vt100"} }},
		{name: "a terminal under an init", args: []string{"stdin"}, want: "terminal 0x0\r\n",
			with: func(c *engine.ContainerSpec) { c.Config.Tty, c.Host.Init = true, &yes }},
		{name: "a terminal of a user", args: []string{"write", "/dev/tty"}, want: "written\r\n",
			with: func(c *engine.ContainerSpec) { c.Config.Tty, c.Config.User = true, "alice" }},
		{name: "no network", args: []string{"interfaces"}, want: "lo up\n", with: func(c *engine.ContainerSpec) { c.Config.NetworkDisabled = true }},
		{name: "a device", args: []string{"cat", "/dev/nothing"},
			with: func(c *engine.ContainerSpec) {
				c.Host.Devices = []container.DeviceMapping{{PathOnHost: "/dev/null", PathInContainer: "/dev/nothing", CgroupPermissions: "r"}}
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := m.container("", "app", c.args...)
			if c.with != nil {
				c.with(&spec)
			}
			s, out := runIn(t, m, e, engine.TaskSpec{NoNetwork: true}, spec)
			if s.Error != "" || s.ExitCode != c.code || out != c.want && !(strings.HasSuffix(c.want, " ") && strings.HasPrefix(out, c.want)) {
				t.Errorf("exit %d, error %q, output %q; wanted exit %d, output %q", s.ExitCode, s.Error, out, c.code, c.want)
			}
		})
	}
}

// The kernel has containers whose keyrings have one name share it, and other tasks' containers have the same names.
func TestAContainersKeyringIsItsOwn(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	task := randomID(16)
	must(t, e.CreateTask(t.Context(), engine.TaskSpec{Task: task}))
	c := m.container(task, "app", "cat", "/proc/keys")
	c.Host.Privileged = true // or it is masked
	must(t, e.CreateContainer(t.Context(), task, c))
	must(t, e.StartContainer(t.Context(), task, "app"))
	var keys strings.Builder
	for _, l := range output(t, c.Log.Dir) {
		fmt.Fprintf(&keys, "%s\n", l.Text)
	}
	if !strings.Contains(keys.String(), "_ses."+RuntimeID(task, "app")) {
		t.Errorf("there is no keyring of its own among these:\n%s", &keys)
	}
	must(t, e.RemoveTask(t.Context(), task))
}

func TestAnInitsChildLeadsItsProcessGroup(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	yes := true
	c := m.container("", "app", "status", "NSpgid")
	c.Host.Init = &yes
	if _, out := run(t, m, e, c); out == "1\n" || out == "" {
		t.Errorf("what it sends to its group the init hears too: its group is %q", out)
	}
}

func TestAnInitsChildHasTheTerminal(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	yes := true
	c := m.container("", "app", "cat", "/proc/self/stat")
	c.Host.Init, c.Config.Tty = &yes, true
	_, out := run(t, m, e, c)
	_, stat, _ := strings.Cut(out, ") ")
	// state, parent, process group, session, terminal, the terminal's foreground group
	if f := strings.Fields(stat); len(f) < 6 || f[2] != f[5] {
		t.Errorf("it would be stopped when it reads its terminal: %q", out)
	}
}

func TestWhatCannotBeMadeIsRefused(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	for _, c := range []struct {
		want string
		with func(c *engine.ContainerSpec)
	}{
		{"HostConfig.PidMode", func(c *engine.ContainerSpec) { c.Host.PidMode = "host" }},
		{"HostConfig.IpcMode", func(c *engine.ContainerSpec) { c.Host.IpcMode = "host" }},
		{"HostConfig.Links, HostConfig.UsernsMode", func(c *engine.ContainerSpec) { c.Host.Links, c.Host.UsernsMode = []string{"a:b"}, "host" }},
		{"HostConfig.DeviceRequests", func(c *engine.ContainerSpec) { c.Host.DeviceRequests = []container.DeviceRequest{{Driver: "nvidia"}} }},
		{"HostConfig.BlkioWeight", func(c *engine.ContainerSpec) { c.Host.BlkioWeight = 10 }},
		{"this machine has no AppArmor", func(c *engine.ContainerSpec) { c.Host.SecurityOpt = []string{"apparmor:strict"} }},
		{"Config.Healthcheck", func(c *engine.ContainerSpec) {
			c.Config.Healthcheck = &container.HealthConfig{Test: []string{"CMD", "/health"}}
		}},
		{"volume data: not found", func(c *engine.ContainerSpec) { c.Host.Binds = []string{"data:/data"} }},
		{`capability "CAP_FLY"`, func(c *engine.ContainerSpec) { c.Host.CapAdd = []string{"FLY"} }},
		{`stop signal "SIGNOPE"`, func(c *engine.ContainerSpec) { c.Config.StopSignal = "nope" }},
		{`user "nobody-here"`, func(c *engine.ContainerSpec) { c.Config.User = "nobody-here" }},
		{"minimum memory limit", func(c *engine.ContainerSpec) { c.Host.Memory = 1 << 20 }},
		{"no command specified", func(c *engine.ContainerSpec) { c.Config.Cmd = nil }},
		{`working directory "here"`, func(c *engine.ContainerSpec) { c.Config.WorkingDir = "here" }},
		{"belongs to no namespace", func(c *engine.ContainerSpec) { c.Host.Sysctls = map[string]string{"vm.swappiness": "1"} }},
		{"duplicate mount point", func(c *engine.ContainerSpec) { c.Host.Binds = []string{"/tmp:/data", "/tmp:/data"} }},
		{"not a device node", func(c *engine.ContainerSpec) {
			c.Host.Devices = []container.DeviceMapping{{PathOnHost: "/etc/passwd"}}
		}},
	} {
		t.Run(c.want, func(t *testing.T) {
			task := randomID(16)
			must(t, e.CreateTask(t.Context(), engine.TaskSpec{Task: task}))
			spec := m.container(task, "app", "exit", "0")
			c.with(&spec)
			err := e.CreateContainer(t.Context(), task, spec)
			failure, ok := errors.AsType[*engine.Error](err)
			if !ok || failure.Kind != engine.CannotCreateContainer || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v", err)
			}
			must(t, e.RemoveTask(t.Context(), task))
		})
	}
	nothingLeft(t, m, e)
}

// What an image passes off as a file is not opened: a FIFO would hold the shim for ever, a device do who knows what.
func TestAnImagesUsersComeFromRegularFiles(t *testing.T) {
	for name, mode := range map[string]uint32{"a FIFO": unix.S_IFIFO, "a device": unix.S_IFCHR} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			e := m.open(t)
			passwd := filepath.Join(m.images.lower, "etc/passwd")
			must(t, os.Remove(passwd))
			must(t, unix.Mknod(passwd, mode|0o644, int(unix.Mkdev(1, 5))))
			task := randomID(16)
			must(t, e.CreateTask(t.Context(), engine.TaskSpec{Task: task}))
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if err := e.CreateContainer(ctx, task, m.container(task, "app", "exit", "0")); err == nil || !strings.Contains(err.Error(), "etc/passwd is not a regular file") {
				t.Errorf("the error is %v", err)
			}
			must(t, e.RemoveTask(t.Context(), task))
		})
	}
}

func TestStartErrorsReadLikeDockers(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	for _, c := range []struct{ program, want string }{
		{"/nope", `exec: "/nope": stat /nope: no such file or directory`},
		{"nope", `exec: "nope": executable file not found in $PATH`},
		{"/etc/passwd", `exec: "/etc/passwd": permission denied`},
	} {
		task := randomID(16)
		must(t, e.CreateTask(t.Context(), engine.TaskSpec{Task: task, NoNetwork: true}))
		spec := m.container(task, "app")
		spec.Config.Cmd = []string{c.program}
		must(t, e.CreateContainer(t.Context(), task, spec))
		if err := e.StartContainer(t.Context(), task, "app"); err == nil || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%s: %v", c.program, err)
		}
		if lines := output(t, spec.Log.Dir); len(lines) > 0 {
			t.Errorf("%s: the container printed %s", c.program, lines[0].Text)
		}
		must(t, e.RemoveTask(t.Context(), task))
	}
}

func TestLimitsAreKept(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	hungry := m.container("", "app", "eat", "64")
	hungry.Host.Memory = 16 << 20
	s, _ := run(t, m, e, hungry)
	if !s.OOMKilled || s.ExitCode != 137 {
		t.Errorf("over the container's limit: %+v", s)
	}
	s, _ = runIn(t, m, e, engine.TaskSpec{Memory: 16 << 20}, m.container("", "app", "eat", "64"))
	if !s.OOMKilled || s.ExitCode != 137 {
		t.Errorf("over the task's limit: %+v", s)
	}
	theOneThatAte(t, m, e)
	task := randomID(16)
	must(t, e.CreateTask(t.Context(), engine.TaskSpec{Task: task, CPU: 512, CPUHard: true, Memory: 64 << 20}))
	c := m.container(task, "app", "sleep")
	c.Host.CPUShares, c.Host.Memory, c.Host.MemoryReservation = 128, 32<<20, 16<<20
	must(t, e.CreateContainer(t.Context(), task, c))
	must(t, e.StartContainer(t.Context(), task, "app"))
	group := e.group(task)
	if e.tree.Unified() {
		for file, want := range map[string]string{"cpu.weight": "20", "cpu.max": "50000 100000", "memory.max": fmt.Sprint(64 << 20)} {
			wantFile(t, filepath.Join(group.Dir(""), file), want)
		}
	} else {
		inner := filepath.Join(group.Dir("memory"), RuntimeID(task, "app"))
		for file, want := range map[string]string{
			filepath.Join(group.Dir("cpu"), "cpu.shares"):                         "512",
			filepath.Join(group.Dir("cpu"), "cpu.cfs_quota_us"):                   "50000",
			filepath.Join(group.Dir("cpu"), RuntimeID(task, "app"), "cpu.shares"): "128",
			filepath.Join(group.Dir("memory"), "memory.limit_in_bytes"):           fmt.Sprint(64 << 20),
			filepath.Join(inner, "memory.limit_in_bytes"):                         fmt.Sprint(32 << 20),
			filepath.Join(inner, "memory.soft_limit_in_bytes"):                    fmt.Sprint(16 << 20),
			filepath.Join(inner, "memory.memsw.limit_in_bytes"):                   fmt.Sprint(64 << 20),
		} {
			wantFile(t, file, want)
		}
	}
	must(t, e.RemoveTask(t.Context(), task))
}

// theOneThatAte is told, and the other goes on, when a task is over its limit.
func theOneThatAte(t *testing.T, m *machine, e *Engine) {
	t.Helper()
	task := randomID(16)
	begin(t, m, e, engine.TaskSpec{Task: task, NoNetwork: true, Memory: 32 << 20}, map[string][]string{"modest": {"sleep"}, "greedy": {"eat", "64"}})
	s := await(t, e, task, "over its memory", func(s engine.TaskStatus) bool {
		return slices.ContainsFunc(s.Containers, func(c engine.ContainerStatus) bool { return c.State == engine.Stopped })
	})
	for _, c := range s.Containers {
		if greedy := c.Name == "greedy"; c.OOMKilled != greedy || (c.State == engine.Stopped) != greedy {
			t.Errorf("%s is %+v", c.Name, c)
		}
	}
	must(t, e.RemoveTask(t.Context(), task))
}

func wantFile(t *testing.T, path, want string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil || strings.TrimSpace(string(content)) != want {
		t.Errorf("%s is %q, %v; wanted %q", path, content, err, want)
	}
}

// A signal to a process that has only just begun is kept until it can be heard.
func TestAStopWaitsForTheProcessToListen(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	for i := range 10 {
		init := i%2 == 1
		task := randomID(16)
		must(t, e.CreateTask(t.Context(), engine.TaskSpec{Task: task, NoNetwork: true}))
		c := m.container(task, "app", "sleep")
		c.Host.Init = &init
		must(t, e.CreateContainer(t.Context(), task, c))
		must(t, e.StartContainer(t.Context(), task, "app"))
		must(t, e.StopContainer(t.Context(), task, "app", 5*time.Second))
		s, err := e.Inspect(t.Context(), task)
		must(t, err)
		// Go's own handlers come before the probe's: then it ends with 2, and not at the end of the grace.
		if s.Containers[0].ExitCode == 137 {
			t.Errorf("under an init %v: it was killed: %+v", init, s)
		}
		must(t, e.RemoveTask(t.Context(), task))
	}
}
