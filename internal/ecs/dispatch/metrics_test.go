package dispatch

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/api/tcs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/ecs/usage"
	"github.com/berth-dev/berth/internal/store"
)

func TestWhatTasksUseIsRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, book := newWorld(t), usage.NewBook()
		w.Usage = book
		w.update(func(tx *store.Tx) error {
			i := *w.instance().Value
			i.Capacity.CPU = 2048
			return w.Tables.Instances.Put(tx, scope, instance, &i)
		})
		w.run(id('a'), func(t *ecs.Task) { t.Containers = append(t.Containers, ecs.Container{ID: "w", Name: "web"}) })
		w.run(id('b'), func(t *ecs.Task) { t.StoppedAt = time.Now() })
		w.run(id('c'), func(t *ecs.Task) { t.Instance = "another" })
		a := newAgent(t)
		go newTelemetry(context.Background(), w.Dispatcher, a, w.instance()).run()

		var told [][]byte // by the ECS agent: of the second the task's two containers are measured
		for _, data := range recorded(t, "full-life-cycle.log", "TCS<-") {
			if f, err := decodeFrame(withoutHeaders(data)); err == nil && f.Type == "PublishMetricsRequest" {
				told = append(told, data)
			}
		}
		a.sayRaw(told[len(told)-2])
		must[tcs.AckPublishMetric](a)
		used, ok := book.Latest(scope, id('a'))
		if !ok || len(used.Containers) != 2 || used.Containers[0].Name != "db" || used.Containers[1].Name != "web" {
			t.Fatalf("%+v", used)
		}
		db, web := used.Containers[0], used.Containers[1]
		if math.Abs(db.CPU.Max-0.9940062165260315*20.48) > 1e-9 || db.CPU.Count != 20 || db.Memory.Count != 20 {
			t.Errorf("db used %+v", db)
		}
		if n := web.Network; n.Received != 726 || n.Sent != 0 || n.ReceivedRate.Count != 20 {
			t.Errorf("web's network %+v", n)
		}

		metric := func(task string, containers ...string) tcs.TaskMetric {
			m := tcs.TaskMetric{TaskArn: arnOf(task)}
			for i, name := range containers {
				m.ContainerMetrics = append(m.ContainerMetrics, tcs.ContainerMetric{ContainerName: name,
					CpuStatsSet: &tcs.CWStatsSet{Max: float64(i), SampleCount: -1}, RestartStatsSet: &tcs.RestartStatsSet{RestartCount: 2},
					StorageStatsSet: &tcs.StorageStatsSet{ReadSizeBytes: &tcs.ULongStatsSet{Max: math.MaxInt64, OverflowMax: 5}, WriteSizeBytes: &tcs.ULongStatsSet{Max: -1}}})
			}
			return m
		}
		report := tcs.PublishMetricsRequest{Metadata: &tcs.MetricsMetadata{ContainerInstance: instance}, TaskMetrics: []tcs.TaskMetric{
			metric(id('a'), "nobody", "db", "db"), metric(id('b'), "db"), metric(id('c'), "db"), metric(id('d'), "db"), {}}}
		a.say(report)
		must[tcs.AckPublishMetric](a)
		used, _ = book.Latest(scope, id('a'))
		if len(used.Containers) != 1 || used.Containers[0].CPU.Max != 20.48 || used.Containers[0].CPU.Mean() != 0 || used.Containers[0].Restarts != 2 ||
			used.Containers[0].Read != math.MaxInt64+5 || used.Containers[0].Written != 0 || used.Containers[0].Network != nil {
			t.Errorf("%+v", used)
		}
		for _, task := range []string{id('b'), id('c'), id('d')} {
			if used, ok := book.Latest(scope, task); ok {
				t.Errorf("of a task that this instance does not run: %+v", used)
			}
		}
		report.Metadata.ContainerInstance, report.TaskMetrics[0].ContainerMetrics[1].RestartStatsSet.RestartCount = "another", 9
		a.say(report)
		synctest.Wait()
		if used, _ := book.Latest(scope, id('a')); used.Containers[0].Restarts != 2 {
			t.Errorf("another instance's word was taken: %+v", used)
		}
	})
}
