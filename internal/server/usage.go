package server

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	ecsapi "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/ecs/usage"
	"github.com/berth-dev/berth/internal/operator"
)

// Usage answers what the running tasks of a cluster use, the newest first, or the task that a name means.
func (s *Server) Usage(ctx context.Context, cluster, name string) ([]operator.TaskUsage, error) {
	scope, cluster, name := named(ctx, cluster, name)
	var tasks []*ecs.Task
	if name == "" {
		for row := range s.ECS.Tasks.Find(scope, ecs.TasksByCluster, cluster+"/"+string(ecsapi.DesiredStatusRunning)) {
			tasks = append(tasks, row.Value)
		}
		slices.SortFunc(tasks, func(a, b *ecs.Task) int { return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.ID, b.ID)) })
	} else {
		task, err := s.ECS.TaskNamed(ctx, scope, cluster, name)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%w: %w", operator.ErrNotFound, err)
		case task == nil || !task.StoppedAt.IsZero():
			return nil, fmt.Errorf("%w: no task that runs is named %q in cluster %s", operator.ErrNotFound, name, cluster)
		}
		tasks = append(tasks, task)
	}
	all := []operator.TaskUsage{}
	for _, t := range tasks {
		used, _ := s.usage.Latest(scope, t.ID)
		out := operator.TaskUsage{Task: t.ID, Definition: t.Definition.String(), At: used.At, Containers: []operator.ContainerUsage{}}
		for _, c := range used.Containers {
			if of, ok := t.Container(c.Name); ok {
				out.Containers = append(out.Containers, usedBy(t, of, c))
			}
		}
		all = append(all, out)
	}
	return all, nil
}

// usedBy is what a container used, beside what it may use.
func usedBy(t *ecs.Task, of *ecs.Container, c usage.Container) operator.ContainerUsage {
	out := operator.ContainerUsage{Name: c.Name, CPU: c.CPU.Mean() / 1024 * 100, Memory: c.Memory.Mean(),
		MemoryLimit: cmp.Or(int64(of.Memory), t.MemoryLimit), Read: c.Read, Written: c.Written, Restarts: c.Restarts}
	if reserved := cmp.Or(int64(of.CPU), t.CPULimit); reserved > 0 {
		out.CPUShare = c.CPU.Mean() / float64(reserved) * 100
	}
	if n := c.Network; n != nil {
		out.Network = &operator.NetworkUsage{Received: n.Received, Sent: n.Sent, ReceivedRate: n.ReceivedRate.Mean(), SentRate: n.SentRate.Mean()}
	}
	return out
}
