package native

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/spool"
)

// Nothing of a shim is relative to who started the agent: neither control group, session, mounts nor open files.
func TestAShimOwesItsStarterNothing(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	task := randomID(16)
	must(t, e.CreateTask(t.Context(), engine.TaskSpec{Task: task, NoNetwork: true}))
	must(t, e.CreateContainer(t.Context(), task, m.container(task, "app", "sleep")))
	must(t, e.StartContainer(t.Context(), task, "app"))
	awaitLine(t, m.spool(task, "app"), "ready")
	s := await(t, e, task, "running", func(s engine.TaskStatus) bool { return len(s.Containers) == 1 && s.Containers[0].PID != 0 })
	for _, pid := range []int{shimPID(t, e, task), s.Containers[0].PID} {
		groups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
		must(t, err)
		for line := range strings.Lines(string(groups)) {
			if !strings.Contains(line, ":/berth/"+m.instance+"/") {
				t.Errorf("process %d is in %s", pid, line)
			}
		}
		if session := stat(t, pid)[3]; session == stat(t, os.Getpid())[3] {
			t.Errorf("process %d is in this session", pid)
		}
	}
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", s.Containers[0].PID))
	for _, f := range files {
		if to, err := os.Readlink(f); err == nil && !strings.HasPrefix(to, "pipe:") && to != "/dev/null" && !strings.HasPrefix(to, "anon_inode:") &&
			!strings.HasPrefix(to, "/sys/fs/cgroup/") { // which a Go program opens itself
			t.Errorf("the container has %s open", to)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	must(t, err)
	if strings.Contains(string(mounts), m.run) {
		t.Errorf("the shim's mounts are the host's:\n%s", mounts)
	}
	info, err := os.Stat(filepath.Join(e.dir(task), "sock"))
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the socket's mode is %v", info.Mode())
	}
	must(t, e.RemoveTask(t.Context(), task))
}

// stat returns the fields of /proc/PID/stat after the name.
func stat(t *testing.T, pid int) []string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	must(t, err)
	_, rest, _ := strings.Cut(string(text), ") ")
	return strings.Fields(rest)
}

func TestAFullSpoolHoldsTheContainerAndNotTheTask(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	task := randomID(16)
	must(t, e.CreateTask(t.Context(), engine.TaskSpec{Task: task, NoNetwork: true}))
	c := m.container(task, "app", "print", "100000", "100")
	c.Log.MaxBytes = 64 << 10
	must(t, e.CreateContainer(t.Context(), task, c))
	must(t, e.StartContainer(t.Context(), task, "app"))
	r, err := spool.Open(c.Log.Dir, 0)
	must(t, err)
	defer r.Close()
	batch := make([]spool.Line, 1000)
	next := uint64(0)
	for next < 20_000 { // far more than fits
		n, err := r.Read(t.Context(), batch)
		must(t, err)
		if batch[0].Offset != next {
			t.Fatalf("line %d came instead of %d", batch[0].Offset, next)
		}
		next += uint64(n)
		must(t, r.Release(next))
	}
	s, err := e.Inspect(t.Context(), task)
	must(t, err)
	if s.Containers[0].State != engine.Running {
		t.Errorf("with a full spool the container is %+v", s.Containers[0])
	}
	must(t, e.StopContainer(t.Context(), task, "app", 0))
	must(t, e.RemoveTask(t.Context(), task))
	nothingLeft(t, m, e)
}

func TestAnImageOfManyLayers(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	layers := filepath.Join(m.images.dir, "layers-with-a-long-name-as-stores-have-them")
	base := filepath.Join(layers, "base")
	must(t, os.Mkdir(layers, 0o755))
	must(t, os.Rename(m.images.lower, base))
	lower := []string{base}
	for i := range 100 {
		dir := filepath.Join(layers, fmt.Sprint(i), "fs")
		must(t, os.MkdirAll(dir, 0o755))
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("layer-%d", i)), []byte("here\n"), 0o644))
		lower = append(lower, dir)
	}
	m.images.lower = strings.Join(lower, ":")
	if s, out := run(t, m, e, m.container("", "app", "cat", "/layer-99")); s.ExitCode != 0 || out != "here\n" {
		t.Errorf("exit %d, %q, %s", s.ExitCode, out, s.Error)
	}
}

func TestContainersOfATaskShareItsNetworkAndFiles(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	resolv := filepath.Join(m.dir, "resolv.conf")
	must(t, os.WriteFile(resolv, []byte("nameserver 172.31.0.2\n"), 0o644))
	spec := engine.TaskSpec{Task: randomID(16), NoNetwork: true, ResolvConf: resolv, Hostname: "ip-172-31-0-9"}
	must(t, e.CreateTask(t.Context(), spec))
	namespaces := map[string]bool{}
	for i, args := range [][]string{{"cat", "/etc/resolv.conf"}, {"hostname"}, {"sleep"}, {"sleep"}} {
		c := m.container(spec.Task, fmt.Sprint("c", i), args...)
		must(t, e.CreateContainer(t.Context(), spec.Task, c))
		must(t, e.StartContainer(t.Context(), spec.Task, c.Name))
	}
	for i, want := range []string{"nameserver 172.31.0.2", "ip-172-31-0-9"} {
		lines := output(t, m.spool(spec.Task, fmt.Sprint("c", i)))
		if len(lines) != 1 || string(lines[0].Text) != want {
			t.Errorf("%v came, not %s", lines, want)
		}
	}
	s, err := e.Inspect(t.Context(), spec.Task)
	must(t, err)
	for _, c := range s.Containers[2:] {
		ns, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", c.PID))
		must(t, err)
		namespaces[ns] = true
	}
	if own, _ := os.Readlink("/proc/self/ns/net"); len(namespaces) != 1 || namespaces[own] {
		t.Errorf("the containers' namespaces are %v", namespaces)
	}
	must(t, e.RemoveTask(t.Context(), spec.Task))
}

func TestRefusesToRunUnfiltered(t *testing.T) {
	m := newMachine(t)
	without := filepath.Join(m.dir, "shim")
	must(t, os.WriteFile(without, []byte("#!/bin/sh\necho '{\"build\":\"x\",\"version\":1,\"oldest\":1,\"seccomp\":false}'\n"), 0o755))
	config := m.config()
	config.Shim = without
	if _, err := New(t.Context(), config); err == nil || !strings.Contains(err.Error(), "--no-seccomp") {
		t.Errorf("New returned %v", err)
	}
	config.Shim, config.NoSeccomp = m.shim, true
	e, err := New(t.Context(), config)
	must(t, err)
	defer e.Close()
	if _, out := run(t, m, e, m.container("", "app", "status", "Seccomp")); out != "0\n" {
		t.Errorf("Seccomp is %q", out)
	}
}

func TestAShimThatCannotStartIsReported(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	task := randomID(16)
	begun := time.Now()
	err := e.CreateTask(t.Context(), engine.TaskSpec{Task: task, NetNS: "/run/netns/never-there"})
	if err == nil || !strings.Contains(err.Error(), "/run/netns/never-there") || time.Since(begun) > 5*time.Second {
		t.Errorf("after %v: %v", time.Since(begun), err)
	}
	nothingLeft(t, m, e)
}

// A task that got no further than its images is known, and removed like any other.
func TestAPulledImageIsHeldForItsTask(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	task := randomID(16)
	_, err := e.PullImage(t.Context(), engine.PullRequest{Reference: testImage, Task: task, Container: "app"}, nil)
	must(t, err)
	if ids, err := e.Tasks(t.Context()); err != nil || !slices.Equal(ids, []string{task}) {
		t.Errorf("tasks are %v, %v", ids, err)
	}
	must(t, e.RemoveTask(t.Context(), task))
	nothingLeft(t, m, e)
}
