package native

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/enginetest"
	"github.com/berth-dev/berth/internal/agent/engine/native/spec"
	"github.com/berth-dev/berth/internal/shim"
)

// BenchmarkStart starts tasks of one container one after the other, from CreateTask to the running process, and prints
// the median beside that of bare libcontainer with the same specification, the processor time that the start takes in the
// container and in the shim, which the machine's other load changes less, and the memory of a shim.
func BenchmarkStart(b *testing.B) {
	m := newMachine(b)
	e := m.open(b)
	floor, floorCPU := bareStart(b, m, e, 30)
	var inside, shims, all, create, container, start, stop, remove []time.Duration
	var pss int
	for b.Loop() {
		task := randomID(16)
		c := m.container(task, "app", "sleep")
		t := [6]time.Time{time.Now()}
		must(b, e.CreateTask(b.Context(), engine.TaskSpec{Task: task, NoNetwork: true}))
		t[1] = time.Now()
		must(b, e.CreateContainer(b.Context(), task, c))
		t[2] = time.Now()
		must(b, e.StartContainer(b.Context(), task, "app"))
		t[3] = time.Now()
		inside, shims = append(inside, groupCPU(b, e, task)), append(shims, shimCPU(b, e, task))
		pss = shimMemory(b, e, task)
		t[4] = time.Now()
		must(b, e.StopContainer(b.Context(), task, "app", 0))
		t[5] = time.Now()
		must(b, e.RemoveTask(b.Context(), task))
		create, container, start = append(create, t[1].Sub(t[0])), append(container, t[2].Sub(t[1])), append(start, t[3].Sub(t[2]))
		all, stop, remove = append(all, t[3].Sub(t[0])), append(stop, t[5].Sub(t[4])), append(remove, time.Since(t[5]))
	}
	for name, d := range map[string][]time.Duration{
		"all": all, "task": create, "container": container, "start": start, "stop": stop, "remove": remove, "bare": floor,
		"cpu-container": inside, "cpu-shim": shims, "cpu-bare": {floorCPU},
	} {
		b.ReportMetric(ms(median(d)), "ms/"+name)
	}
	b.ReportMetric(ms(median(all))/ms(median(floor)), "x-bare")
	b.ReportMetric(float64(pss), "KB-shim")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkFifty starts 50 tasks, 8 at a time, and tells how many a second ran and what their shims weigh together.
func BenchmarkFifty(b *testing.B) {
	m := newMachine(b)
	e := m.open(b)
	for b.Loop() {
		ids := make(chan string)
		var starting sync.WaitGroup
		begun := time.Now()
		var tasks []string
		for range 8 {
			starting.Go(func() {
				for task := range ids {
					must(b, e.CreateTask(b.Context(), engine.TaskSpec{Task: task, NoNetwork: true}))
					must(b, e.CreateContainer(b.Context(), task, m.container(task, "app", "sleep")))
					must(b, e.StartContainer(b.Context(), task, "app"))
				}
			})
		}
		for range 50 {
			task := randomID(16)
			tasks = append(tasks, task)
			ids <- task
		}
		close(ids)
		starting.Wait()
		took := time.Since(begun)
		pss := 0
		for _, task := range tasks {
			pss += shimMemory(b, e, task)
		}
		b.ReportMetric(50/took.Seconds(), "tasks/s")
		b.ReportMetric(float64(pss)/50, "KB-shim")
		for _, task := range tasks {
			must(b, e.RemoveTask(b.Context(), task))
		}
	}
	b.ReportMetric(0, "ns/op")
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// bareStart runs the floor with the specification of the benchmark's container.
func bareStart(b *testing.B, m *machine, e *Engine, count int) (all []time.Duration, cpu time.Duration) {
	b.Helper()
	p, err := programs()
	must(b, err)
	program, err := enginetest.BuildFloor(p.dir)
	must(b, err)
	c := m.container("floor", "app", "sleep")
	translated, err := spec.New(spec.Request{RuntimeID: RuntimeID("floor", "app"), Config: c.Config, OwnNetwork: true, Machine: e.machine})
	must(b, err)
	s := translated.Spec
	s.Linux.CgroupsPath = shim.TaskGroup(m.instance, "floor")
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace})
	file := filepath.Join(m.dir, "floor.json")
	must(b, writeJSON(file, s))
	floor := exec.Command(program, file, m.images.lower, filepath.Join(m.dir, "floor"), strconv.Itoa(count))
	out, err := floor.CombinedOutput()
	if err != nil {
		b.Fatalf("the floor: %v\n%s", err, out)
	}
	for line := range strings.FieldsSeq(string(out)) {
		took, err := strconv.ParseFloat(line, 64)
		must(b, err)
		all = append(all, time.Duration(took*float64(time.Millisecond)))
	}
	return all, (floor.ProcessState.UserTime() + floor.ProcessState.SystemTime()) / time.Duration(count)
}

// groupCPU is the processor time that a task's containers took.
func groupCPU(b *testing.B, e *Engine, task string) time.Duration {
	b.Helper()
	s, err := e.group(task).Stats()
	must(b, err)
	return time.Duration(s.CpuStats.CpuUsage.TotalUsage)
}

// shimCPU is the processor time that the threads of a task's shim took.
func shimCPU(b *testing.B, e *Engine, task string) (took time.Duration) {
	b.Helper()
	await(b, e, task, "known", func(engine.TaskStatus) bool { return true })
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", e.task(task).pid()))
	must(b, err)
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		must(b, err)
		var ns time.Duration
		fmt.Sscan(string(text), &ns)
		took += ns
	}
	return took
}

// shimMemory is the shim's proportional share of memory, in KB.
func shimMemory(b *testing.B, e *Engine, task string) int {
	b.Helper()
	await(b, e, task, "known", func(engine.TaskStatus) bool { return true })
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", e.task(task).pid()))
	must(b, err)
	for line := range strings.Lines(string(rollup)) {
		if value, ok := strings.CutPrefix(line, "Pss:"); ok {
			var kb int
			fmt.Sscan(value, &kb)
			return kb
		}
	}
	b.Fatal("the kernel tells no Pss")
	return 0
}
