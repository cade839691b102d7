package native

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/shim"
)

// Agents are killed one after the other at random moments while tasks start, log and stop; with them everything in their
// process group, as a supervisor does. The last one is left alone.
func TestKilledAgentsLoseNothing(t *testing.T) {
	for range 4 {
		killAgents(t)
	}
}

func killAgents(t *testing.T) {
	m := newMachine(t)
	p := plan{Instance: m.instance, Dir: m.dir, Run: m.run, Shim: m.shim}
	want := map[string]int{}
	for i := range 8 {
		task := planned{Task: randomID(16)}
		switch i % 4 {
		case 0:
			task.Args, want[task.Task] = []string{"exit", fmt.Sprint(i + 1)}, i+1
		case 1:
			task.Args, want[task.Task] = []string{"print", "3000", "40"}, 0
		case 2:
			task.Args, task.Stop, want[task.Task] = []string{"count", "200"}, 30, 0
		case 3:
			task.Args, task.Runs, want[task.Task] = []string{"print", "100", "40"}, 5, 0
		}
		p.Tasks = append(p.Tasks, task)
	}
	file := filepath.Join(m.dir, "plan")
	must(t, writeJSON(file, p))
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	killed := 0
	for ; killed < 40 && !finished(p); killed++ {
		agent := startAgent(t, file)
		time.AfterFunc(time.Duration(random.IntN(60_000))*time.Microsecond, func() { unix.Kill(-agent.Process.Pid, unix.SIGKILL) })
		agent.Wait()
	}
	t.Logf("%d agents were killed", killed)
	if err := startAgent(t, file).Wait(); err != nil {
		t.Fatalf("the last agent: %v", err)
	}
	e := m.open(t)
	for _, task := range p.Tasks {
		s, err := e.Inspect(t.Context(), task.Task)
		must(t, err)
		c := s.Containers[0]
		if task.Stop > 0 && c.ExitCode == 2 {
			c.ExitCode = 0 // the signal came when Go listened to it and the probe not yet
		}
		if s.Lost || len(s.Containers) != 1 || c.State != engine.Stopped || !c.ExitKnown || c.ExitCode != want[task.Task] || c.RuntimeID != RuntimeID(task.Task, "app") ||
			c.Runs != max(task.Runs, 1) {
			t.Errorf("%v ended as %+v", task.Args, s)
		}
		checkShipped(t, p, task)
		must(t, e.RemoveTask(t.Context(), task.Task))
	}
	nothingLeft(t, m, e)
}

func finished(p plan) bool {
	for _, t := range p.Tasks {
		if _, err := os.Stat(p.done(t.Task)); err != nil {
			return false
		}
	}
	return true
}

func startAgent(t *testing.T, plan string) *exec.Cmd {
	t.Helper()
	agent := exec.Command(os.Args[0])
	agent.Env = append(os.Environ(), agentEnv+"="+plan)
	agent.Stderr = os.Stderr
	agent.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(t, agent.Start())
	return agent
}

// checkShipped finds every line that the probe printed, each once.
func checkShipped(t *testing.T, p plan, task planned) {
	t.Helper()
	content, err := os.ReadFile(p.shipped(task.Task))
	must(t, err)
	seen := map[string]int{}
	lines := strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
	if len(content) == 0 {
		lines = nil
	}
	for i, line := range lines {
		offset, text, _ := strings.Cut(line, " ")
		if offset != fmt.Sprint(i) {
			t.Fatalf("%v: line %d has offset %s", task.Args, i, offset)
		}
		seen[strings.TrimRight(text, "x")]++
	}
	runs := max(task.Runs, 1)
	if task.Args[0] == "print" && fmt.Sprint(len(lines)/runs) != task.Args[1] {
		t.Errorf("%v: %d lines came", task.Args, len(lines))
	}
	for i := range len(lines) / runs {
		if seen[fmt.Sprint(i)] != runs {
			t.Fatalf("%v: %d came %d times", task.Args, i, seen[fmt.Sprint(i)])
		}
	}
}

// nothingLeft looks for what a removed task may leave: directories, control groups, processes.
func nothingLeft(t *testing.T, m *machine, e *Engine) {
	t.Helper()
	if ids, err := e.Tasks(t.Context()); err != nil || len(ids) > 0 {
		t.Errorf("tasks are left: %v %v", ids, err)
	}
	for _, pattern := range []string{"/sys/fs/cgroup/berth/" + m.instance + "/task/*", "/sys/fs/cgroup/*/berth/" + m.instance + "/task/*"} {
		left, _ := filepath.Glob(pattern)
		for _, path := range left {
			if info, err := os.Stat(path); err == nil && info.IsDir() {
				t.Errorf("control group %s is left", path)
			}
		}
	}
	for _, pid := range processes(m.instance) {
		t.Errorf("process %s is left", pid)
	}
}

// processes returns those in the instance's control groups, but not the dead whom their parent has not yet reaped.
func processes(instance string) (pids []string) {
	all, _ := filepath.Glob("/proc/[0-9]*/cgroup")
	for _, path := range all {
		dir := filepath.Dir(path)
		status, _ := os.ReadFile(filepath.Join(dir, "status"))
		groups, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(groups), "/berth/"+instance+"/") && !strings.Contains(string(status), "State:\tZ") {
			pids = append(pids, filepath.Base(dir))
		}
	}
	return pids
}

func shimPID(t *testing.T, e *Engine, task string) int {
	t.Helper()
	pid := e.task(task).pid()
	if pid == 0 {
		t.Fatal("the shim's process id is unknown")
	}
	return pid
}

func TestAKilledShimLosesItsTask(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		t.Run(fmt.Sprintf("agent restarted %v", restarted), func(t *testing.T) {
			m := newMachine(t)
			e := m.open(t)
			task := randomID(16)
			must(t, e.CreateTask(t.Context(), engine.TaskSpec{Task: task, NoNetwork: true}))
			for _, c := range []engine.ContainerSpec{m.container(task, "done", "exit", "7"), m.container(task, "app", "sleep")} {
				must(t, e.CreateContainer(t.Context(), task, c))
				must(t, e.StartContainer(t.Context(), task, c.Name))
			}
			await(t, e, task, "half done", func(s engine.TaskStatus) bool {
				return len(s.Containers) > 0 && s.Containers[0].State == engine.Stopped
			})
			pid := shimPID(t, e, task)
			if restarted {
				e.Close()
			}
			must(t, unix.Kill(pid, unix.SIGKILL))
			if restarted {
				e = m.open(t)
			}
			s := await(t, e, task, "lost", func(s engine.TaskStatus) bool { return s.Lost })
			if s.LostReason == "" || !s.Containers[0].ExitKnown || s.Containers[0].ExitCode != 7 {
				t.Errorf("the container that had ended is %+v", s)
			}
			if c := s.Containers[1]; c.State != engine.Stopped || c.ExitKnown || c.PID != 0 || c.FinishedAt.IsZero() {
				t.Errorf("the container that ran is %+v", c)
			}
			if left := processes(m.instance); len(left) > 0 {
				t.Errorf("processes are left: %v", left)
			}
			output(t, m.spool(task, "app")) // comes to an end
			must(t, e.StopContainer(t.Context(), task, "app", time.Minute))
			must(t, e.RemoveTask(t.Context(), task))
			nothingLeft(t, m, e)
		})
	}
}

// A shim is killed at some moment between the task's creation and its container's start.
func TestAShimKilledWhileStartingLeavesNothing(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	for i := range 12 {
		task := randomID(16)
		must(t, e.CreateTask(t.Context(), engine.TaskSpec{Task: task, NoNetwork: true}))
		await(t, e, task, "known", func(engine.TaskStatus) bool { return true })
		pid := shimPID(t, e, task)
		time.AfterFunc(time.Duration(i*3)*time.Millisecond, func() { unix.Kill(pid, unix.SIGKILL) })
		err := e.CreateContainer(t.Context(), task, m.container(task, "app", "sleep"))
		if err == nil {
			err = e.StartContainer(t.Context(), task, "app")
		}
		if failure, ok := errors.AsType[*engine.Error](err); err != nil && !ok {
			t.Errorf("after %d ms the error is %v", i*3, failure)
		}
		s := await(t, e, task, "lost", func(s engine.TaskStatus) bool { return s.Lost })
		for _, c := range s.Containers {
			if c.State != engine.Stopped {
				t.Errorf("after %d ms: %+v", i*3, c)
			}
		}
		must(t, e.RemoveTask(t.Context(), task))
	}
	nothingLeft(t, m, e)
}

// What a dead shim left and cannot be killed, such as a process that waits for a dead disk, is not forgotten.
func TestATaskIsThereUntilNothingOfItRuns(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	if e.tree.Unified() {
		t.Skip("version 2 kills a group as one: no process of it could stand for one that doesn't die")
	}
	task := randomID(16)
	must(t, e.CreateTask(t.Context(), engine.TaskSpec{Task: task, NoNetwork: true}))
	await(t, e, task, "known", func(engine.TaskStatus) bool { return true })
	must(t, unix.Kill(shimPID(t, e, task), unix.SIGKILL))
	await(t, e, task, "lost", func(s engine.TaskStatus) bool { return s.Lost })
	// This process spares itself: it stands for one that does not die.
	must(t, e.group(task).Create())
	group, own := e.group(task).Dir("pids"), e.tree.Group("/").Dir("pids")
	must(t, os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte("0"), 0))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := e.RemoveTask(ctx, task)
	must(t, os.WriteFile(filepath.Join(own, "cgroup.procs"), []byte("0"), 0))
	if ids, _ := e.Tasks(t.Context()); err == nil || len(ids) != 1 {
		t.Errorf("RemoveTask returned %v, and there are the tasks %v", err, ids)
	}
	must(t, e.RemoveTask(t.Context(), task))
	nothingLeft(t, m, e)
}

// An agent dies between making a task's directory and its shim's answer: the next one begins again or adopts.
func TestACreationCutOffIsBegunAgain(t *testing.T) {
	m := newMachine(t)
	for name, files := range map[string]map[string]string{
		"directory":     {},
		"lock":          {"lock": ""},
		"specification": {"lock": "", "spec": "{}", "task": "{}"},
	} {
		t.Run(name, func(t *testing.T) {
			task := randomID(16)
			dir := filepath.Join(m.run, "shims", task)
			must(t, os.MkdirAll(dir, 0o700))
			for file, content := range files {
				must(t, os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600))
			}
			e := m.open(t)
			defer e.Close()
			must(t, e.CreateTask(t.Context(), engine.TaskSpec{Task: task}))
			must(t, e.CreateContainer(t.Context(), task, m.container(task, "app", "exit", "0")))
			must(t, e.StartContainer(t.Context(), task, "app"))
			must(t, e.RemoveTask(t.Context(), task))
			nothingLeft(t, m, e)
		})
	}
}

func TestCleanRemovesAnInstanceWhateverBecameOfIt(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	for i := range 3 {
		task := randomID(16)
		must(t, e.CreateTask(t.Context(), engine.TaskSpec{Task: task, NoNetwork: true}))
		must(t, e.CreateContainer(t.Context(), task, m.container(task, "app", "stubborn")))
		must(t, e.StartContainer(t.Context(), task, "app"))
		if i == 1 {
			await(t, e, task, "known", func(engine.TaskStatus) bool { return true })
			must(t, unix.Kill(shimPID(t, e, task), unix.SIGKILL))
		}
	}
	e.Close()
	for range 2 {
		must(t, Clean(t.Context(), m.instance, m.run))
	}
	if left := processes(m.instance); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
	if left, _ := filepath.Glob("/sys/fs/cgroup/*/berth/" + m.instance); len(left) > 0 {
		t.Errorf("control groups are left: %v", left)
	}
	if _, err := os.Stat(filepath.Join(m.run, "shims")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the run directory is left: %v", err)
	}
}

// A call of an agent that died goes on in the shim while the next agent makes the same call, or undoes it.
func TestCallsOfADeadAgentMayStillBeGoingOn(t *testing.T) {
	m := newMachine(t)
	for i := range 8 {
		dying := m.open(t)
		task := randomID(16)
		must(t, dying.CreateTask(t.Context(), engine.TaskSpec{Task: task, NoNetwork: true}))
		next := m.open(t)
		c := m.container(task, "app", "sleep")
		both := func(call func(e *Engine) error) {
			var calls sync.WaitGroup
			for _, e := range []*Engine{dying, next} {
				calls.Go(func() {
					if err := call(e); err != nil {
						t.Errorf("round %d: %v", i, err)
					}
				})
			}
			calls.Wait()
		}
		both(func(e *Engine) error { return e.CreateContainer(t.Context(), task, c) })
		if i%2 == 0 {
			both(func(e *Engine) error { return e.StartContainer(t.Context(), task, "app") })
		}
		var starting sync.WaitGroup
		starting.Go(func() { dying.StartContainer(t.Context(), task, "app") })
		must(t, next.StopContainer(t.Context(), task, "app", 0))
		starting.Wait()
		s, err := next.Inspect(t.Context(), task)
		must(t, err)
		if s.Containers[0].State == engine.Running {
			t.Errorf("round %d: after its stop the container is %+v", i, s.Containers[0])
		}
		dying.Close()
		must(t, next.RemoveTask(t.Context(), task))
		nothingLeft(t, m, next)
		next.Close()
	}
}

// An agent is killed while shims come up, and its instance cleaned at once.
func TestCleanFindsShimsThatAreNotUpYet(t *testing.T) {
	for range 10 {
		m := newMachine(t)
		p := plan{Instance: m.instance, Dir: m.dir, Run: m.run, Shim: m.shim}
		for range 8 {
			p.Tasks = append(p.Tasks, planned{Task: randomID(16), Args: []string{"sleep"}})
		}
		file := filepath.Join(m.dir, "plan")
		must(t, writeJSON(file, p))
		agent := startAgent(t, file)
		shims := filepath.Join(m.run, "shims")
		for kept, err := "", error(nil); kept == ""; kept, err = keptTask(shims) {
			must(t, err)
		}
		unix.Kill(-agent.Process.Pid, unix.SIGKILL)
		agent.Wait()
		must(t, Clean(t.Context(), m.instance, m.run))
		if left := shimsIn(shims); len(left) > 0 {
			t.Fatalf("shims are left: %v", left)
		}
	}
}

// What a killed agent ran in a container ends with it, and the container goes on.
func TestFurtherProcessesEndWithAKilledAgent(t *testing.T) {
	m := newMachine(t)
	task := planned{Task: randomID(16), Args: []string{"sleep"}, Exec: []string{"stubborn"}}
	file := filepath.Join(m.dir, "plan")
	must(t, writeJSON(file, plan{Instance: m.instance, Dir: m.dir, Run: m.run, Shim: m.shim, Tasks: []planned{task}}))
	agent := startAgent(t, file)
	for _, err := os.Stat(filepath.Join(m.run, "shims", task.Task, shim.StateFile)); err != nil; _, err = os.Stat(filepath.Join(m.run, "shims", task.Task, shim.StateFile)) {
		time.Sleep(time.Millisecond)
	}
	e := m.open(t)
	await(t, e, task.Task, "running", func(s engine.TaskStatus) bool {
		return len(s.Containers) == 1 && s.Containers[0].State == engine.Running
	})
	for _, want := range []string{"1\n", "0\n"} {
		for deadline := time.Now().Add(20 * time.Second); look(t, e, task.Task, "app", "others") != want; {
			if time.Now().After(deadline) {
				t.Fatalf("there never were %s further processes", want)
			}
		}
		unix.Kill(-agent.Process.Pid, unix.SIGKILL)
		agent.Wait()
	}
	must(t, e.StopContainer(t.Context(), task.Task, "app", 10*time.Second))
	must(t, e.RemoveTask(t.Context(), task.Task))
	nothingLeft(t, m, e)
}
