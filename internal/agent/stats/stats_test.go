package stats

import (
	"context"
	"errors"
	"math"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/moby/moby/api/types/container"

	"github.com/berth-dev/berth/api/tcs"
	"github.com/berth-dev/berth/internal/agent/engine"
)

// machine is an engine whose containers use what a test says.
type machine struct {
	uses    map[string][]engine.ContainerStats // by task
	sampled int
}

func (m *machine) Stats(_ context.Context, task string) ([]engine.ContainerStats, error) {
	m.sampled++
	uses, ok := m.uses[task]
	if !ok {
		return nil, errors.New("no such task")
	}
	out := make([]engine.ContainerStats, len(uses))
	for i, c := range uses {
		c.Stats.Read = time.Now()
		out[i] = c
	}
	return out, nil
}

// using is a container that has used so much CPU, in seconds, and memory, and received and sent so much.
func using(name string, seconds float64, memory, rx, tx uint64) engine.ContainerStats {
	return engine.ContainerStats{Name: name, RuntimeID: "id of " + name, Stats: container.StatsResponse{
		CPUStats:    container.CPUStats{CPUUsage: container.CPUUsage{TotalUsage: uint64(seconds * 1e9)}, OnlineCPUs: 2},
		MemoryStats: container.MemoryStats{Usage: memory, Stats: map[string]uint64{"inactive_file": 1 << 20}},
		Networks:    map[string]container.NetworkStats{"eth0": {RxBytes: rx, TxBytes: tx}, "eth1": {RxBytes: rx}},
		BlkioStats: container.BlkioStats{IoServiceBytesRecursive: []container.BlkioStatEntry{
			{Op: "Read", Value: 4096}, {Op: "write", Value: 512}, {Op: "Total", Value: 9}}},
	}}
}

func bridge(id string, names ...string) Task {
	t := Task{ID: id, ARN: "arn:" + id, Family: "web", Revision: "7", NetworkMode: "bridge", Defined: len(names)}
	for _, name := range names {
		t.Containers = append(t.Containers, Container{Name: name})
	}
	return t
}

func TestAnAnswerIsOfThisSecondAndHasTheSampleBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{uses: map[string][]engine.ContainerStats{"a": {using("web", 1, 5<<20, 1000, 10)}}}
		s, task := New(Config{Engine: m}), bridge("a", "web")
		first, err := s.Read(t.Context(), task)
		if err != nil || len(first) != 1 || first[0].Rate != nil || !first[0].Stats.PreRead.IsZero() {
			t.Fatalf("%+v, %v", first, err)
		}
		began := time.Now()
		if _, err := s.Read(t.Context(), task); err != nil || m.sampled != 1 {
			t.Errorf("asked again at once it samples again: %d, %v", m.sampled, err)
		}
		time.Sleep(2 * time.Second)
		m.uses["a"][0] = using("web", 1.5, 5<<20, 3000, 30)
		second, err := s.Read(t.Context(), task)
		if err != nil || len(second) != 1 {
			t.Fatal(err)
		}
		u := second[0]
		if u.Name != "web" || u.RuntimeID != "id of web" || !u.Stats.PreRead.Equal(began) || u.Stats.PreCPUStats.CPUUsage.TotalUsage != 1e9 || u.Stats.CPUStats.CPUUsage.TotalUsage != 15e8 {
			t.Errorf("%+v", u)
		}
		if u.Rate == nil || u.Rate.RxBytes != 2000 || u.Rate.TxBytes != 10 {
			t.Errorf("%+v", u.Rate)
		}
	})
}

func TestContainersOfOneNetworkShareIt(t *testing.T) {
	m := &machine{uses: map[string][]engine.ContainerStats{"a": {using("web", 1, 0, 1000, 10), using("log", 1, 0, 1000, 10)}}}
	task := bridge("a", "web", "log")
	task.NetworkMode = "awsvpc"
	all, err := New(Config{Engine: m}).Read(t.Context(), task)
	if err != nil || len(all) != 2 || all[1].Stats.Networks["eth0"].RxBytes != 500 || all[1].Stats.Networks["eth1"].TxBytes != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	if m.uses["a"][0].Stats.Networks["eth0"].RxBytes != 1000 {
		t.Error("the engine's own numbers were changed")
	}
}

func TestWhatWasMeasuredIsCollectedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		restarts := 3
		m := &machine{uses: map[string][]engine.ContainerStats{"a": {using("web", 0, 3<<20, 0, 0)}, "b": {using("db", 0, 0, 0, 0)}}}
		s := New(Config{Engine: m})
		web, host := bridge("a", "web"), bridge("b", "db")
		web.Containers[0].Restarts, host.NetworkMode = &restarts, "host"
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); s.Run(ctx, func() []Task { return []Task{web, host} }) }()
		synctest.Wait()
		if all := s.Collect([]Task{web, host}); all != nil {
			t.Errorf("of one sample: %+v", all)
		}
		time.Sleep(sampleEvery)
		m.uses["a"][0] = using("web", 5, 7<<20, 1<<20, 0) // in ten seconds, of two processors: a quarter
		synctest.Wait()
		time.Sleep(sampleEvery)
		synctest.Wait()
		got := s.Collect([]Task{host, web})
		if len(got) != 2 || got[0].TaskArn != "arn:a" || got[1].ContainerMetrics[0].NetworkStatsSet != nil || got[1].ContainerMetrics[0].RestartStatsSet != nil {
			t.Fatalf("%+v", got)
		}
		c := got[0].ContainerMetrics[0]
		if c.CpuStatsSet.Max != 25 || c.CpuStatsSet.SampleCount != 2 || c.MemoryStatsSet.Min != 2 || c.MemoryStatsSet.Max != 6 {
			t.Errorf("cpu %+v, memory %+v", c.CpuStatsSet, c.MemoryStatsSet)
		}
		if n := c.NetworkStatsSet; n.RxBytes.Max != 2<<20 || n.RxBytesPerSecond.Max != float64(2<<20)/10 || n.TxPackets.Sum != 0 {
			t.Errorf("network %+v", n)
		}
		if c.StorageStatsSet.ReadSizeBytes.Max != 4096 || c.StorageStatsSet.WriteSizeBytes.Min != 512 || c.RestartStatsSet.RestartCount != 0 {
			t.Errorf("storage %+v, restarts %+v", c.StorageStatsSet, c.RestartStatsSet)
		}
		if again := s.Collect([]Task{web, host}); again != nil {
			t.Errorf("told twice: %+v", again)
		}
		restarts = 5
		m.uses["a"][0] = using("web", 1, 0, 0, 0) // a new run, whose counters begin anew
		time.Sleep(sampleEvery)
		synctest.Wait()
		m.uses["a"][0] = using("web", 2, 0, 0, 0)
		time.Sleep(sampleEvery)
		synctest.Wait()
		c = s.Collect([]Task{web})[0].ContainerMetrics[0]
		if c.CpuStatsSet.SampleCount != 1 || c.CpuStatsSet.Max != 5 || c.RestartStatsSet.RestartCount != 2 {
			t.Errorf("over a restart: cpu %+v, restarts %+v", c.CpuStatsSet, c.RestartStatsSet)
		}
		cancel()
		<-done
	})
}

func TestWhatHasEndedIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{uses: map[string][]engine.ContainerStats{"a": {using("web", 1, 0, 0, 0), using("init", 1, 0, 0, 0)}}}
		s, task := New(Config{Engine: m}), bridge("a", "web", "init")
		if all, err := s.Read(t.Context(), task); err != nil || len(all) != 2 {
			t.Fatalf("%+v, %v", all, err)
		}
		m.uses["a"] = m.uses["a"][:1]
		time.Sleep(freshFor)
		if all, err := s.Read(t.Context(), task); err != nil || len(all) != 1 {
			t.Errorf("a container that has ended: %+v, %v", all, err)
		}
		s.keep(nil)
		if len(s.tasks) != 0 {
			t.Error("a task that has ended is kept")
		}
		delete(m.uses, "a")
		if _, err := s.Read(t.Context(), task); err == nil {
			t.Error("an unknown task uses something")
		}
	})
}

// stuck is an engine that answers nothing.
type stuck struct{}

func (stuck) Stats(ctx context.Context, _ string) ([]engine.ContainerStats, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func TestAnEngineThatHangsHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, task, began := New(Config{Engine: stuck{}}), bridge("a", "web"), time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); s.Run(ctx, func() []Task { return []Task{task} }) }()
		synctest.Wait()
		if all := s.Collect([]Task{task}); all != nil || time.Since(began) != 0 {
			t.Errorf("%+v after %v", all, time.Since(began))
		}
		asking, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if _, err := s.Read(asking, task); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("a container that waits for a second: %v after %v", err, time.Since(began))
		}
		if _, err := s.Read(t.Context(), task); !errors.Is(err, errSlow) || time.Since(began) > time.Second+sampleTimeout {
			t.Errorf("a container that would wait for ever: %v after %v", err, time.Since(began))
		}
		cancel()
		<-done
	})
}

// Counters that the protocol can't hold overflow as the ECS agent's do.
func TestSetsAreTheProtocols(t *testing.T) {
	var c counts
	for _, v := range []uint64{10, 11, 10, math.MaxInt64 + 5} {
		c.add(v)
	}
	got, err := json.Marshal(c.set())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"min":10,"max":9223372036854775807,"sampleCount":4,"sum":9223372036854775807,"overflowMin":0,"overflowMax":5,"overflowSum":36}`
	if string(got) != want {
		t.Errorf("%s", got)
	}
	var f floats
	if f.set() != nil || (&counts{}).set() != nil {
		t.Error("a set of nothing")
	}
	f.add(2)
	f.add(-1)
	if want := (&tcs.CWStatsSet{Min: -1, Max: 2, Sum: 1, SampleCount: 2}); !reflect.DeepEqual(f.set(), want) {
		t.Errorf("%+v", f.set())
	}
}
