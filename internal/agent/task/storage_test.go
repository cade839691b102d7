package task

import (
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine/fake"
)

func TestEphemeralStorage(t *testing.T) {
	const gib = 1 << 30
	limit := int32(21)
	sized := func(t *acs.Task) { t.BerthEphemeralStorageGiB = &limit }
	for _, c := range []struct {
		name   string
		change func(*acs.Task)
		writes [2]int64 // of the two containers
		status string
		reason string
	}{
		{"a task that takes less goes on", sized, [2]int64{10 * gib, 11 * gib}, running, ""},
		{"a task that takes more ends, and is told why", sized, [2]int64{10 * gib, 11*gib + gib/2}, stopped,
			"Task exceeded its ephemeral storage: it takes 21.5 GiB of 21 GiB"},
		{"a task without a size takes what it likes", func(*acs.Task) {}, [2]int64{100 * gib, 100 * gib}, running, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			lived(t, func(t *testing.T, w *world, a *agent) {
				w.machine.Script("web:1", fake.Behaviour{Writes: c.writes[0]})
				w.machine.Script("side:1", fake.Behaviour{Writes: c.writes[1]})
				if err := a.apply(payload(c.change)); err != nil {
					t.Fatal(err)
				}
				after(time.Minute)
				last := w.last(arnA)
				if last.Status != c.status || !strings.Contains(last.Reason, c.reason) {
					t.Errorf("the task is %s: %q", last.Status, last.Reason)
				}
			})
		})
	}
}

func TestEphemeralStorageIsTold(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		w.machine.Script("web:1", fake.Behaviour{Writes: 261 << 20})
		limit := int32(20)
		if err := a.apply(payload(func(t *acs.Task) { t.BerthEphemeralStorageGiB = &limit })); err != nil {
			t.Fatal(err)
		}
		after(time.Minute)
		a.mu.Lock()
		task := a.tasks[idA]
		a.mu.Unlock()
		if got := task.describe().EphemeralStorageMetrics; got == nil || got.Utilized != 261 || got.Reserved != 20<<10 {
			t.Errorf("metadata has %+v", got)
		}
		if got := task.measured().Storage; got == nil || *got != 261<<20 {
			t.Errorf("metrics have %v", got)
		}
	})
}
