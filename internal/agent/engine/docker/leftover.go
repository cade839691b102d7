package docker

import (
	"context"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// endFootings removes the containers of load balancers that an earlier agent left: which of them are still wanted nobody knows
// yet, and one that died may not have left the addresses of those that are deleted by now. Stand makes what is wanted anew.
func (e *Engine) endFootings(ctx context.Context) error {
	filters := client.Filters{}.Add("label", labelInstance+"="+e.config.Instance).Add("label", labelRole+"="+roleBalancer)
	return e.ask(ctx, makeTime, "remove an earlier agent's containers of load balancers", func(ctx context.Context) error {
		left, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filters})
		if err != nil {
			return err
		}
		for _, c := range left.Items {
			if err := removeContainer(ctx, e.api, c.ID); err != nil && !errdefs.IsNotFound(err) {
				return err
			}
		}
		return nil
	})
}
