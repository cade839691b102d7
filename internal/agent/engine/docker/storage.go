package docker

import (
	"context"
	"errors"

	"github.com/moby/moby/client"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// StorageUsed asks the daemon, which looks at all that each container wrote, and for the sake of the task's volumes at all
// volumes that it has.
func (e *Engine) StorageUsed(ctx context.Context, id string) (used int64, err error) {
	t, err := e.known(id)
	if err != nil {
		return 0, err
	}
	t.mu.Lock()
	boxes := t.ordered()
	t.mu.Unlock()
	for _, b := range boxes {
		if b.record.ID == "" {
			continue
		}
		err := e.ask(ctx, makeTime, "measure container "+b.record.ID, func(ctx context.Context) error {
			answer, err := e.api.ContainerInspect(ctx, b.record.ID, client.ContainerInspectOptions{Size: true})
			if err == nil && answer.Container.SizeRw != nil {
				used += *answer.Container.SizeRw
			}
			return err
		})
		if err != nil && !errors.Is(err, engine.ErrNotFound) { // one that is not made yet
			return 0, err
		}
	}
	own, err := e.volumes(ctx, client.Filters{}.Add("label", labelTask+"="+id))
	if err != nil || len(own) == 0 {
		return used, err
	}
	err = e.ask(ctx, makeTime, "measure volumes", func(ctx context.Context) error {
		answer, err := e.api.DiskUsage(ctx, client.DiskUsageOptions{Volumes: true, Verbose: true})
		for _, v := range answer.Volumes.Items {
			if v.Labels[labelTask] == id && len(v.Options) == 0 && v.UsageData != nil {
				used += max(v.UsageData.Size, 0) // -1: of a driver that does not tell
			}
		}
		return err
	})
	return used, err
}
