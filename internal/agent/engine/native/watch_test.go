package native

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/shim"
)

// A state that comes while the one before is being taken is not passed over.
func TestWatchNeverMissesTheLatestState(t *testing.T) {
	for range 2000 {
		task := newTask(&Engine{}, "t")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		states := make(chan engine.TaskStatus)
		var going sync.WaitGroup
		going.Go(func() { task.send(ctx, states); close(states) })
		going.Go(func() { task.set(func() { task.state.Containers = []shim.ContainerState{{Name: "app"}} }) })
		seen := false
		for s := range states {
			if seen = len(s.Containers) == 1; seen {
				break
			}
		}
		cancel()
		going.Wait()
		if !seen {
			t.Fatal("the latest state never came")
		}
	}
}
