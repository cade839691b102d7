package native

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/agent/engine"
)

func TestAFilterIsCompiledOnceAndTheSameForAll(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	pid := startSleeper(t, m, e, nil) // it had to compile its own
	kept := keptFilter(t, m)
	program := read(t, kept)
	// What libcontainer puts before the program is in another order each time.
	compiled := func(pid int) []byte {
		all := installed(t, pid)
		return all[max(0, len(all)-len(program)+sha256.Size):]
	}
	own := compiled(pid)
	if !bytes.Equal(own, program[sha256.Size:]) {
		t.Error("what is kept is not what the first container compiled")
	}
	same := func(pid int) bool { return bytes.Equal(compiled(pid), own) }
	for _, c := range []struct {
		name string
		kept []byte
		with func(*engine.ContainerSpec)
		want func(pid int) bool
	}{
		{name: "of the same filter", kept: program, want: same},
		{name: "of the same filter and no new privileges", kept: program,
			with: func(c *engine.ContainerSpec) { c.Host.SecurityOpt = []string{"no-new-privileges:true"} },
			want: same},
		{name: "of another filter", kept: program, with: func(c *engine.ContainerSpec) { c.Host.CapAdd = []string{"SYS_ADMIN"} },
			want: func(pid int) bool { return !same(pid) }},
		{name: "when what is kept is cut short", kept: program[:len(program)-8], want: same},
		{name: "when nothing is kept", want: same},
		{name: "what is kept is what is loaded", kept: withHash(own, instruction(unix.BPF_RET, unix.SECCOMP_RET_KILL_PROCESS)),
			want: func(pid int) bool { return bytes.Equal(compiled(pid)[:len(own)-8], own[8:]) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			must(t, os.WriteFile(kept, c.kept, 0o600))
			if pid := startSleeper(t, m, e, c.with); !c.want(pid) {
				t.Errorf("the filter is not the one expected")
			} else if hasOpen(t, pid, "memfd:") {
				t.Error("the container's process has the filter open")
			}
			awaitWhole(t, kept) // a shim that found nothing of use has it compiled anew
		})
	}
}

// startSleeper starts a container of its own task and returns its process.
func startSleeper(t *testing.T, m *machine, e *Engine, with func(*engine.ContainerSpec)) (pid int) {
	t.Helper()
	task := randomID(16)
	spec := m.container(task, "app", "sleep")
	if with != nil {
		with(&spec)
	}
	must(t, e.CreateTask(t.Context(), engine.TaskSpec{Task: task, NoNetwork: true}))
	must(t, e.CreateContainer(t.Context(), task, spec))
	must(t, e.StartContainer(t.Context(), task, "app"))
	t.Cleanup(func() { e.RemoveTask(t.Context(), task) })
	s := await(t, e, task, "running", func(s engine.TaskStatus) bool {
		return len(s.Containers) == 1 && s.Containers[0].State == engine.Running
	})
	return s.Containers[0].PID
}

// hasOpen says whether a container's process, once it is the container's own, has a file open whose name contains a word.
func hasOpen(t *testing.T, pid int, word string) bool {
	t.Helper()
	dir := "/proc/" + strconv.Itoa(pid)
	for deadline := time.Now().Add(20 * time.Second); !bytes.HasPrefix(read(t, dir+"/cmdline"), []byte("/probe")); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the container's process is still libcontainer's")
		}
	}
	files, err := os.ReadDir(dir + "/fd")
	must(t, err)
	for _, f := range files {
		if to, _ := os.Readlink(dir + "/fd/" + f.Name()); strings.Contains(to, word) {
			return true
		}
	}
	return false
}

// keptFilter waits for the only program to be kept and returns its path.
func keptFilter(t *testing.T, m *machine) string {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		paths, err := filepath.Glob(filepath.Join(m.run, "filters", "*"))
		must(t, err)
		for _, path := range paths {
			if !strings.Contains(filepath.Base(path), ".") {
				return path
			}
		}
	}
	t.Fatal("no filter is kept")
	return ""
}

// awaitWhole waits until what is kept is a program after its hash.
func awaitWhole(t *testing.T, kept string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if all := read(t, kept); len(all) > sha256.Size && sha256.Sum256(all[sha256.Size:]) == [sha256.Size]byte(all[:sha256.Size]) {
			return
		}
	}
	t.Fatal("the filter is not compiled anew")
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	must(t, err)
	return content
}

// withHash is a program, with an instruction after it that is never reached, as it is kept.
func withHash(program, more []byte) []byte {
	program = append(bytes.Clone(program), more...)
	hash := sha256.Sum256(program)
	return append(hash[:], program...)
}

func instruction(code uint16, k uint32) []byte {
	var b []byte
	b = binary.NativeEndian.AppendUint16(b, code)
	return binary.NativeEndian.AppendUint32(append(b, 0, 0), k)
}

// installed returns the program of a process's only filter, as the kernel has it.
func installed(t *testing.T, pid int) []byte {
	t.Helper()
	const getFilter = 0x420c // PTRACE_SECCOMP_GET_FILTER
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	must(t, unix.PtraceAttach(pid))
	defer unix.PtraceDetach(pid)
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, unix.WALL, nil); err != nil {
		t.Fatal(err)
	}
	count, _, errno := unix.Syscall6(unix.SYS_PTRACE, getFilter, uintptr(pid), 0, 0, 0, 0)
	if errno == unix.EIO || errno == unix.EINVAL {
		t.Skip("this kernel does not tell the filters of processes")
	}
	if errno != 0 {
		t.Fatalf("read the filter: %v", errno)
	}
	program := make([]byte, 8*count)
	if _, _, errno := unix.Syscall6(unix.SYS_PTRACE, getFilter, uintptr(pid), 0, uintptr(unsafe.Pointer(&program[0])), 0, 0); errno != 0 {
		t.Fatalf("read the filter: %v", errno)
	}
	return program
}
