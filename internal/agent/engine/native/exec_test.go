package native

import (
	"io"
	"testing"

	"github.com/berth-dev/berth/internal/agent/engine"
)

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
