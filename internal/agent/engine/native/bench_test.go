package native

import (
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/agent/engine"
)

func BenchmarkStart(b *testing.B) {
	m := newMachine(b)
	e := m.open(b)
	var create, container, start, stop, remove []time.Duration
	for b.Loop() {
		task := randomID(16)
		c := m.container(task, "app", "sleep")
		t0 := time.Now()
		must(b, e.CreateTask(b.Context(), engine.TaskSpec{Task: task, NoNetwork: true}))
		t1 := time.Now()
		must(b, e.CreateContainer(b.Context(), task, c))
		t2 := time.Now()
		must(b, e.StartContainer(b.Context(), task, "app"))
		t3 := time.Now()
		must(b, e.StopContainer(b.Context(), task, "app", 0))
		t4 := time.Now()
		must(b, e.RemoveTask(b.Context(), task))
		t5 := time.Now()
		create, container, start = append(create, t1.Sub(t0)), append(container, t2.Sub(t1)), append(start, t3.Sub(t2))
		stop, remove = append(stop, t4.Sub(t3)), append(remove, t5.Sub(t4))
	}
	for name, d := range map[string][]time.Duration{"task": create, "container": container, "start": start, "stop": stop, "remove": remove} {
		b.ReportMetric(float64(median(d).Microseconds())/1000, "ms/"+name)
	}
}
