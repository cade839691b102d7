package server

import (
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/ecs/usage"
	"github.com/berth-dev/berth/internal/operator"
	"github.com/berth-dev/berth/internal/store"
)

func TestUsageIsOfTheTasksThatRun(t *testing.T) {
	w := start(t)
	ask := operator.NewClient(w.as(w.keys.Dev(), ""))
	scope := store.Scope{Account: account, Region: region}
	put := func(id, family string, change func(*ecs.Task)) {
		task := &ecs.Task{ID: id, Cluster: "default", Definition: ecs.Revision{Family: family, Number: 2}, Status: ecs.Running, CreatedAt: time.Now(),
			Containers: []ecs.Container{{ID: "c", Name: "web"}, {ID: "d", Name: "side", CPU: 512, Memory: 64}}}
		change(task)
		if err := w.config.DB.Update(t.Context(), func(tx *store.Tx) error { return w.ECS.Tasks.Put(tx, scope, id, task) }); err != nil {
			t.Fatal(err)
		}
	}
	old, young, ended, elsewhere := strings.Repeat("a", 32), strings.Repeat("b", 32), strings.Repeat("c", 32), strings.Repeat("d", 32)
	put(old, "shop", func(t *ecs.Task) { t.CreatedAt, t.CPULimit, t.MemoryLimit = time.Now().Add(-time.Hour), 256, 128 })
	put(young, "hello", func(*ecs.Task) {})
	put(ended, "gone", func(t *ecs.Task) {
		t.Status, t.StoppedAt, t.Stop = ecs.Stopped, time.Now(), &ecs.Stop{Code: "UserInitiated", Reason: "test"}
	})
	put(elsewhere, "shop", func(t *ecs.Task) { t.Cluster = "other" })
	w.usage.Record(scope, old, usage.Task{At: time.Now(), Containers: []usage.Container{
		{Name: "web", CPU: usage.Set{Sum: 256, Count: 2}, Memory: usage.Set{Sum: 10, Count: 2}, Network: &usage.Network{Received: 7, SentRate: usage.Set{Sum: 3, Count: 1}}},
		{Name: "side", CPU: usage.Set{Sum: 256, Count: 2}, Written: 9}}})

	all, err := ask.Usage(t.Context(), "default", "")
	if err != nil || len(all) != 3 || all[0].Task != young || all[1].Task != old || len(all[0].Containers) != 0 || !all[0].At.IsZero() || all[1].Definition != "shop:2" {
		t.Fatalf("%+v, %v", all, err)
	}
	web, side := all[1].Containers[0], all[1].Containers[1]
	if web.CPU != 12.5 || web.CPUShare != 50 || web.Memory != 5 || web.MemoryLimit != 128 || web.Network.Received != 7 || web.Network.SentRate != 3 {
		t.Errorf("web: %+v", web)
	}
	if side.CPUShare != 25 || side.MemoryLimit != 64 || side.Network != nil || side.Written != 9 {
		t.Errorf("side: %+v", side)
	}
	for name, want := range map[string]string{"aaaa": old, "shop": old, "other/" + elsewhere: elsewhere, "hello:2": young} {
		if all, err := ask.Usage(t.Context(), "default", name); err != nil || len(all) != 1 || all[0].Task != want {
			t.Errorf("%s: %+v, %v", name, all, err)
		}
	}
	for _, name := range []string{"nobody", "cccc"} {
		if _, err := ask.Usage(t.Context(), "default", name); err == nil || !strings.Contains(err.Error(), "no task that runs is named") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
