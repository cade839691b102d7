package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire/client"
)

// tasks describes the cluster's tasks of a desired status, newest first.
func (t *target) tasks(ctx context.Context, desired ...ecs.DesiredStatus) ([]ecs.Task, error) {
	var tasks []ecs.Task
	for _, status := range desired {
		in := ecs.ListTasksRequest{Cluster: t.cluster, DesiredStatus: status}
		for {
			page, err := client.Call(ctx, t.client, ecs.ListTasks, &in)
			if err != nil {
				return nil, err
			}
			if len(page.TaskArns) > 0 {
				answer, err := client.Call(ctx, t.client, ecs.DescribeTasks, &ecs.DescribeTasksRequest{Cluster: t.cluster, Tasks: page.TaskArns})
				if err != nil {
					return nil, err
				}
				tasks = append(tasks, answer.Tasks...)
			}
			if page.NextToken == "" {
				break
			}
			in.NextToken = page.NextToken
		}
	}
	slices.SortStableFunc(tasks, func(a, b ecs.Task) int { return b.CreatedAt.Compare(a.CreatedAt.Time) })
	return tasks, nil
}

// find returns the tasks that a word names: a task by the beginning of its id or by its ARN, else all tasks of a family
// (family or family:revision), else all tasks with a container of that name.
func find(tasks []ecs.Task, word string) ([]ecs.Task, error) {
	id := afterSlash(word)
	var byID, byFamily, byContainer []ecs.Task
	for _, task := range tasks {
		definition := afterSlash(task.TaskDefinitionArn)
		family, _, _ := strings.Cut(definition, ":")
		switch {
		case len(id) >= 2 && strings.HasPrefix(afterSlash(task.TaskArn), id):
			byID = append(byID, task)
		case word == family || word == definition:
			byFamily = append(byFamily, task)
		case slices.ContainsFunc(task.Containers, func(c ecs.Container) bool { return c.Name == word }):
			byContainer = append(byContainer, task)
		}
	}
	switch {
	case len(byID) == 1 || len(byID) > 1 && len(id) == 32:
		return byID[:1], nil
	case len(byFamily) > 0:
		return byFamily, nil
	case len(byContainer) > 0:
		return byContainer, nil
	case len(byID) > 1:
		slices.SortFunc(byID, func(a, b ecs.Task) int { return cmp.Compare(a.TaskArn, b.TaskArn) })
		return nil, fmt.Errorf("%s begins %d task ids (%s, %s, ...): type more of it", word, len(byID), shortID(byID[0].TaskArn), shortID(byID[1].TaskArn))
	default:
		return nil, fmt.Errorf("no task, family or container is named %s here; `berth ps -a` lists the tasks", word)
	}
}
