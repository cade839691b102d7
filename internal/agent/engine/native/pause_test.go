package native

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// A container that may trace processes gets at all that the pause process has, so that has nothing: not the host's files,
// no rights, and no namespace of the host's.
func TestThePauseProcessIsOfNoUseToContainers(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "file"), []byte("the host's\n"), 0o644))
	spec := engine.TaskSpec{Task: randomID(16), NoNetwork: true, PIDMode: engine.TaskNamespace}
	must(t, e.CreateTask(t.Context(), spec))
	tracer := m.container(spec.Task, "tracer", "sleep")
	tracer.Host.CapAdd, tracer.Host.SecurityOpt = []string{"SYS_PTRACE"}, []string{"seccomp=unconfined"}
	must(t, e.CreateContainer(t.Context(), spec.Task, tracer))
	must(t, e.StartContainer(t.Context(), spec.Task, "tracer"))
	for _, up := range []string{"", "../../../../../../../../../.."} {
		if got := look(t, e, spec.Task, "tracer", "cat", "/proc/1/root/"+up+dir+"/file"); strings.Contains(got, "the host's") {
			t.Errorf("the host's files are at /proc/1/root/%s", up)
		}
	}
	status := look(t, e, spec.Task, "tracer", "cat", "/proc/1/status")
	for _, want := range []string{"Uid:\t65534\t65534\t65534\t65534\n", "Gid:\t65534\t65534\t65534\t65534\n", "Groups:\t \n",
		"CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n"} {
		if !strings.Contains(status, want) {
			t.Errorf("the pause process's status is without %q:\n%s", want, status)
		}
	}
	pid := pausePID(t, e, spec.Task)
	for _, kind := range []string{"mnt", "net", "ipc", "uts"} {
		own, err := os.Readlink("/proc/self/ns/" + kind)
		must(t, err)
		if its, err := os.Readlink("/proc/" + pid + "/ns/" + kind); err != nil || its == own {
			t.Errorf("its %s namespace is %s, %v; the host's is %s", kind, its, err, own)
		}
	}
	must(t, e.RemoveTask(t.Context(), spec.Task))
	nothingLeft(t, m, e)
}

// pausePID is the number on the host of a task's pause process.
func pausePID(t *testing.T, e *Engine, task string) string {
	t.Helper()
	pids, err := os.ReadFile(filepath.Join(e.group(task).Dir("pids"), "pause", "cgroup.procs"))
	must(t, err)
	return strings.TrimSpace(string(pids))
}
