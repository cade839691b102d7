package native

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// A container that stops whatever enters it holds up one further process, not a growing number of them in the shim.
func TestFurtherProcessesThatAContainerStopsDoNotPileUp(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	task := randomID(16)
	must(t, e.CreateTask(t.Context(), engine.TaskSpec{Task: task, NoNetwork: true}))
	must(t, e.CreateContainer(t.Context(), task, m.container(task, "app", "freeze")))
	must(t, e.StartContainer(t.Context(), task, "app"))
	awaitLine(t, m.spool(task, "app"), "freezing")
	files := func() int {
		all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", shimPID(t, e, task)))
		must(t, err)
		return len(all)
	}
	before := files()
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		p, err := e.Exec(ctx, task, "app", engine.ExecSpec{Cmd: []string{"/probe", "sleep"}})
		if err == nil {
			_ = p.Close()
		}
		cancel()
	}
	if after := files(); after > before+30 {
		t.Errorf("the shim has %d files open after 20 attempts; it had %d", after, before)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	must(t, e.StopContainer(ctx, task, "app", 0))
	must(t, e.RemoveTask(t.Context(), task))
	nothingLeft(t, m, e)
}

// A health check is such a process: the budget is 30 ms.
func BenchmarkExec(b *testing.B) {
	m := newMachine(b)
	e := m.open(b)
	task := randomID(16)
	must(b, e.CreateTask(b.Context(), engine.TaskSpec{Task: task, NoNetwork: true}))
	must(b, e.CreateContainer(b.Context(), task, m.container(task, "app", "sleep")))
	must(b, e.StartContainer(b.Context(), task, "app"))
	before := shimMemory(b, e, task)
	for b.Loop() {
		p, err := e.Exec(b.Context(), task, "app", engine.ExecSpec{Cmd: []string{"/probe", "exit", "0"}})
		must(b, err)
		if _, err := io.Copy(io.Discard, p.Stdout()); err != nil {
			b.Fatal(err)
		}
		if code, err := p.Wait(b.Context()); code != 0 || err != nil {
			b.Fatalf("%d, %v", code, err)
		}
		must(b, p.Close())
	}
	b.ReportMetric(float64(shimMemory(b, e, task)-before), "KB-more")
	must(b, e.RemoveTask(b.Context(), task))
}

// The sampler reads all that runs every few seconds.
func BenchmarkStats(b *testing.B) {
	m := newMachine(b)
	e := m.open(b)
	task := randomID(16)
	must(b, e.CreateTask(b.Context(), engine.TaskSpec{Task: task, NoNetwork: true}))
	must(b, e.CreateContainer(b.Context(), task, m.container(task, "app", "sleep")))
	must(b, e.StartContainer(b.Context(), task, "app"))
	for b.Loop() {
		if _, err := e.Stats(b.Context(), task); err != nil {
			b.Fatal(err)
		}
	}
	must(b, e.RemoveTask(b.Context(), task))
}
