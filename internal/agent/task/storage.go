package task

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/metadata"
	"github.com/berth-dev/berth/internal/agent/retry"
)

// A task on Fargate has ephemeral storage of a size: what its containers write, and its own volumes. On AWS it is a disk, and
// what does not fit fails to be written. Here it is a share of the machine's disk, and a task that is found to have taken more ends.

// measureEvery is how often it is measured. measurePart bounds what that costs: a task with very many files waits for so
// many times as long as it took.
const (
	measureEvery = 10 * time.Second
	measurePart  = 20
)

// storageLimit is the size of the task's ephemeral storage in bytes; 0: it has none.
func (t *task) storageLimit() int64 {
	if t.payload.BerthEphemeralStorageGiB == nil {
		return 0
	}
	return int64(*t.payload.BerthEphemeralStorageGiB) << 30
}

// watchStorage measures what the task takes until ctx ends, and says once that it is more than it may.
func (t *task) watchStorage(ctx context.Context, full chan<- *failure) {
	limit := t.storageLimit()
	if limit == 0 {
		return
	}
	told := false
	for wait := measureEvery; retry.Pause(ctx, wait); {
		begin := time.Now()
		used, err := t.Engine.StorageUsed(ctx, t.id)
		wait = max(measureEvery, measurePart*time.Since(begin))
		switch {
		case err == nil:
			t.mu.Lock()
			t.storage = used
			t.mu.Unlock()
		case !told && ctx.Err() == nil && !errors.Is(err, engine.ErrNotFound) && !errors.Is(err, engine.ErrUnavailable):
			told = true
			t.log.Warn("what the task takes of its ephemeral storage can't be measured", "error", err)
		}
		if err == nil && used > limit {
			full <- &failure{fmt.Sprintf("Task exceeded its ephemeral storage: it takes %.1f GiB of %d GiB", float64(used)/(1<<30), limit>>30)}
			return
		}
	}
}

// describeStorage is the task's ephemeral storage as its metadata tells of it, in MiB; nil where it has none.
func (t *task) describeStorage() *metadata.EphemeralStorage {
	limit := t.storageLimit()
	if limit == 0 {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return &metadata.EphemeralStorage{Utilized: t.storage >> 20, Reserved: limit >> 20}
}
