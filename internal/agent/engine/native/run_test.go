package native

import (
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// run runs one container to its end and returns its status and output.
func run(t testing.TB, m *machine, e *Engine, c engine.ContainerSpec) (engine.ContainerStatus, string) {
	t.Helper()
	return runIn(t, m, e, engine.TaskSpec{}, c)
}

func runIn(t testing.TB, m *machine, e *Engine, spec engine.TaskSpec, c engine.ContainerSpec) (engine.ContainerStatus, string) {
	t.Helper()
	spec.Task = randomID(16)
	c.Log.Dir = m.spool(spec.Task, c.Name)
	must(t, e.CreateTask(t.Context(), spec))
	must(t, e.CreateContainer(t.Context(), spec.Task, c))
	must(t, e.StartContainer(t.Context(), spec.Task, c.Name))
	s := await(t, e, spec.Task, "stopped", func(s engine.TaskStatus) bool {
		return len(s.Containers) == 1 && s.Containers[0].State == engine.Stopped
	})
	var text strings.Builder
	for _, l := range output(t, c.Log.Dir) {
		text.Write(l.Text)
		text.WriteByte('\n')
	}
	must(t, e.RemoveTask(t.Context(), spec.Task))
	return s.Containers[0], text.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAContainerRunsToItsEnd(t *testing.T) {
	m := newMachine(t)
	e := m.open(t)
	begun := time.Now()
	s, out := run(t, m, e, m.container("", "app", "exit", "3"))
	t.Logf("%v, output %q, %+v", time.Since(begun), out, s)
	if !s.ExitKnown || s.ExitCode != 3 {
		t.Errorf("exit 3 is reported as %+v", s)
	}
}
