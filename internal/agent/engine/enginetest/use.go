package enginetest

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/agent/engine"
)

func dials(t *testing.T, s Suite) {
	b, task := execBox(t, s)
	p := b.exec(task, engine.ExecSpec{}, "listen", "127.0.0.1:0")
	address, err := readLine(p.Stdout())
	b.must(err)
	conn, err := b.Engine.Dial(b.ctx, task, "app", address)
	b.must(err)
	defer conn.Close()
	b.must(conn.SetDeadline(time.Now().Add(patience)))
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		t.Error(err)
	}
	if line, err := readLine(conn); line != "hello" || err != nil {
		t.Errorf("%q, %v came back", line, err)
	}
	b.must(p.Close())
	b.alone(task)
	for _, address := range []string{address, "nowhere"} {
		if conn, err := b.Engine.Dial(b.ctx, task, "app", address); err == nil {
			t.Errorf("somebody listens on %s", address)
			conn.Close()
		}
	}
	if _, err := b.Engine.Dial(b.ctx, task, "unknown", address); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("in an unknown container: %v", err)
	}
}

// readLine reads a line and no byte past it.
func readLine(r io.Reader) (string, error) {
	var line []byte
	for b := make([]byte, 1); ; {
		if _, err := io.ReadFull(r, b); err != nil {
			return string(line), err
		}
		if b[0] == '\n' {
			return string(line), nil
		}
		line = append(line, b[0])
	}
}

func measures(t *testing.T, s Suite) {
	if s.Probe == nil {
		t.Skip("this engine runs no programs")
	}
	b := openBox(t, s)
	task := b.task(s.Container("app", Behaviour{Kind: Sleeps}), s.Container("side", Behaviour{Kind: Sleeps}), s.Container("job", Behaviour{Kind: Exits}))
	b.settled(task, "app")
	b.settled(task, "side")
	b.await(task, "job", engine.Stopped)
	sample := func() []engine.ContainerStats {
		t.Helper()
		all, err := b.Stats(b.ctx, task)
		b.must(err)
		if len(all) != 2 || all[0].Name != "app" || all[1].Name != "side" {
			t.Fatalf("samples are of %+v", all)
		}
		return all
	}
	first := sample()
	b.outcome(b.exec(task, engine.ExecSpec{}, "burn", "50"))
	second := sample()[0].Stats
	before := first[0].Stats
	if second.CPUStats.CPUUsage.TotalUsage < before.CPUStats.CPUUsage.TotalUsage+uint64(40*time.Millisecond) {
		t.Errorf("50 ms of computing are %d ns after %d", second.CPUStats.CPUUsage.TotalUsage, before.CPUStats.CPUUsage.TotalUsage)
	}
	if second.PreCPUStats.CPUUsage.TotalUsage != before.CPUStats.CPUUsage.TotalUsage || !second.PreRead.Equal(before.Read) ||
		second.CPUStats.SystemUsage <= second.PreCPUStats.SystemUsage || second.CPUStats.OnlineCPUs == 0 {
		t.Errorf("the sample before is %+v at %v in %+v", second.PreCPUStats, second.PreRead, second)
	}
	if m := second.MemoryStats; m.Usage == 0 || m.Limit < m.Usage || len(m.Stats) == 0 {
		t.Errorf("the memory is %+v", m)
	}
	if second.PidsStats.Current == 0 {
		t.Error("no process is counted")
	}
	b.must(b.StopContainer(b.ctx, task, "side", patience))
	if all, err := b.Stats(b.ctx, task); err != nil || len(all) != 1 || all[0].RuntimeID != first[0].RuntimeID {
		t.Errorf("when one has stopped the samples are %+v, %v", all, err)
	}
	if _, err := b.Stats(b.ctx, NewTask()); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("of an unknown task: %v", err)
	}
}
