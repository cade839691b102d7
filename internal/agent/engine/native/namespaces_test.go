package native

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/shim/cgroup"
)

// begin starts containers of the probe in a task and returns the lines that each prints first.
func begin(t *testing.T, m *machine, e *Engine, spec engine.TaskSpec, args map[string][]string) {
	t.Helper()
	must(t, e.CreateTask(t.Context(), spec))
	for name, args := range args {
		must(t, e.CreateContainer(t.Context(), spec.Task, m.container(spec.Task, name, args...)))
		must(t, e.StartContainer(t.Context(), spec.Task, name))
	}
}

// look runs the probe in a running container and returns what it prints.
func look(t *testing.T, e *Engine, task, name string, args ...string) string {
	t.Helper()
	p, err := e.Exec(t.Context(), task, name, engine.ExecSpec{Cmd: append([]string{"/probe"}, args...)})
	must(t, err)
	defer p.Close()
	text := make([]byte, 0, 4096)
	for buf := make([]byte, 4096); ; {
		n, err := p.Stdout().Read(buf)
		if text = append(text, buf[:n]...); err != nil {
			return string(text)
		}
	}
}

func TestNamespacesAreSharedAsTheTaskSays(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	host := func(kind string) string {
		link, err := os.Readlink("/proc/self/ns/" + kind)
		must(t, err)
		return link + "\n"
	}
	for _, mode := range []engine.NamespaceMode{engine.OwnNamespace, engine.TaskNamespace, engine.HostNamespace} {
		t.Run("mode "+string(mode), func(t *testing.T) {
			spec := engine.TaskSpec{Task: randomID(16), NoNetwork: true, PIDMode: mode, IPCMode: mode}
			begin(t, m, e, spec, map[string][]string{"a": {"sleep"}, "b": {"sleep"}})
			for _, kind := range []string{"pid", "ipc"} {
				a, b := look(t, e, spec.Task, "a", "namespace", kind), look(t, e, spec.Task, "b", "namespace", kind)
				if shared, hosts := a == b, a == host(kind); shared != (mode != engine.OwnNamespace) || hosts != (mode == engine.HostNamespace) {
					t.Errorf("the %s namespaces are %q and %q; the host's is %q", kind, a, b, host(kind))
				}
			}
			if mode != engine.HostNamespace {
				look(t, e, spec.Task, "a", "write", "/dev/shm/here")
				if got := look(t, e, spec.Task, "b", "cat", "/dev/shm/here"); (got == "written\n") != (mode == engine.TaskNamespace) {
					t.Errorf("the other's shared memory holds %q", got)
				}
			}
			// What a container leaves dies with it, whosever the namespace is, and the other goes on.
			p, err := e.Exec(t.Context(), spec.Task, "a", engine.ExecSpec{Cmd: []string{"/probe", "stubborn"}})
			must(t, err)
			must(t, e.StopContainer(t.Context(), spec.Task, "a", 10*time.Second))
			if code, err := p.Wait(t.Context()); code != 137 || err != nil {
				t.Errorf("a further process ended with %d, %v", code, err)
			}
			s, err := e.Inspect(t.Context(), spec.Task)
			must(t, err)
			for _, c := range s.Containers {
				if want := map[string]engine.ContainerState{"a": engine.Stopped, "b": engine.Running}[c.Name]; c.State != want || c.ExitCode == 137 {
					t.Errorf("%s is %+v", c.Name, c)
				}
			}
			must(t, e.RemoveTask(t.Context(), spec.Task))
		})
	}
	nothingLeft(t, m, e)
}

func TestATaskWithoutSharedMemory(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	s, out := runIn(t, m, e, engine.TaskSpec{NoNetwork: true, IPCMode: engine.NoNamespace}, m.container("", "app", "write", "/dev/shm/here"))
	if s.ExitCode == 0 {
		t.Errorf("it wrote: %q", out)
	}
}

// Orphans of containers are the pause process's children, and don't stay.
func TestASharedNamespaceReapsOrphans(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	_, out := runIn(t, m, e, engine.TaskSpec{NoNetwork: true, PIDMode: engine.TaskNamespace}, m.container("", "app", "orphan"))
	if !strings.HasPrefix(out, "dead 0 pid ") || strings.HasPrefix(out, "dead 0 pid 1\n") {
		t.Errorf("it says %q", out)
	}
}

func TestSharedKernelParametersAreRefused(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	for name, spec := range map[string]engine.TaskSpec{
		"kernel.msgmax": {IPCMode: engine.HostNamespace}, "net.core.somaxconn": {},
	} {
		spec.Task = randomID(16)
		must(t, e.CreateTask(t.Context(), spec))
		c := m.container(spec.Task, "app", "sleep")
		c.Host.Sysctls = map[string]string{name: "1000"}
		if err := e.CreateContainer(t.Context(), spec.Task, c); err == nil || !strings.Contains(err.Error(), "is the host's") {
			t.Errorf("%s: %v", name, err)
		}
		must(t, e.RemoveTask(t.Context(), spec.Task))
	}
}

// A fork bomb runs into the container's limit, or the task's, and nobody else is the worse for it.
func TestAForkBombIsContained(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	limit := int64(200)
	task := randomID(16)
	must(t, e.CreateTask(t.Context(), engine.TaskSpec{Task: task, NoNetwork: true}))
	bomb := m.container(task, "bomb", "bomb")
	bomb.Host.PidsLimit = &limit
	must(t, e.CreateContainer(t.Context(), task, bomb))
	must(t, e.CreateContainer(t.Context(), task, m.container(task, "app", "sleep")))
	must(t, e.StartContainer(t.Context(), task, "bomb"))
	must(t, e.StartContainer(t.Context(), task, "app"))
	wantFile(t, filepath.Join(e.group(task).Dir("pids"), "pids.max"), fmt.Sprint(cgroup.ProcessLimit()))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		all, err := e.Stats(ctx, task)
		must(t, err)
		if len(all) == 2 && all[0].Stats.PidsStats.Limit == uint64(limit) && all[0].Stats.PidsStats.Current > uint64(limit)/2 {
			break
		}
	}
	if got := look(t, e, task, "app", "pwd"); got != "/\n" {
		t.Errorf("beside it one reads %q", got)
	}
	must(t, e.StopContainer(t.Context(), task, "bomb", 0))
	must(t, e.RemoveTask(t.Context(), task))
	nothingLeft(t, m, e)
}
