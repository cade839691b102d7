package task

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/network"
)

// What nobody asked for and can't be removed holds up neither the start nor the tasks of the machine.
func TestALeftoverThatResists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		const leftover = "ffffffffffffffffffffffffffffffff"
		if err := w.machine.Engine().CreateTask(t.Context(), engine.TaskSpec{Task: leftover}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.net.Attach(t.Context(), network.TaskNet{Task: leftover}); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(w.dir, "tasks", leftover), 0o700); err != nil {
			t.Fatal(err)
		}
		resisting := time.Now().Add(5 * time.Minute)
		kill := &executioner{fails: func(step string) error {
			if (step == "RemoveTask" || step == "Detach") && time.Now().Before(resisting) {
				return errors.New("it resists")
			}
			return nil
		}}
		a := w.start(kill)
		defer a.die()
		if err := a.apply(payload()); err != nil {
			t.Fatal(err)
		}
		after(time.Minute)
		if got := w.statuses(arnA); !slices.Contains(got, running) {
			t.Errorf("the machine's task is %v", got)
		}
		if !slices.Contains(w.machine.Tasks(), leftover) {
			t.Fatal("the leftover did not resist")
		}
		after(time.Until(resisting) + 2*time.Minute)
		for _, left := range w.leftovers() {
			if left != "task in the engine: "+idA && left != "network: "+idA && left != "directory: "+idA {
				t.Errorf("left over: %s", left)
			}
		}
	})
}
