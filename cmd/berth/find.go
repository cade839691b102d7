package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire/client"
)

// tasks describes the cluster's tasks of desired statuses, newest first: those of a family, or all when it is empty. There are
// none before the default cluster is made.
func (t *target) tasks(ctx context.Context, family string, desired ...ecs.DesiredStatus) ([]ecs.Task, error) {
	return t.listed(ctx, ecs.ListTasksRequest{Family: family}, desired...)
}

// listed describes the cluster's tasks of desired statuses that a request lists, newest first.
func (t *target) listed(ctx context.Context, in ecs.ListTasksRequest, desired ...ecs.DesiredStatus) ([]ecs.Task, error) {
	var tasks []ecs.Task
	for _, status := range desired {
		in.Cluster, in.DesiredStatus, in.NextToken = t.cluster, status, ""
		for {
			page, err := client.Call(ctx, t.client, ecs.ListTasks, &in)
			if hasCode(err, "ClusterNotFoundException") && t.cluster == "default" {
				return nil, nil
			}
			if err != nil {
				return nil, t.clusterError(err)
			}
			described, err := t.describe(ctx, page.TaskArns)
			if err != nil {
				return nil, err
			}
			tasks = append(tasks, described...)
			if page.NextToken == "" {
				break
			}
			in.NextToken = page.NextToken
		}
	}
	slices.SortStableFunc(tasks, func(a, b ecs.Task) int { return b.CreatedAt.Compare(a.CreatedAt.Time) })
	return tasks, nil
}

// describe describes tasks, 100 at a time. Those that are forgotten are left out.
func (t *target) describe(ctx context.Context, arns []string) ([]ecs.Task, error) {
	var tasks []ecs.Task
	for batch := range slices.Chunk(arns, 100) {
		answer, err := client.Call(ctx, t.client, ecs.DescribeTasks, &ecs.DescribeTasksRequest{Cluster: t.cluster, Tasks: batch})
		if err != nil {
			return nil, t.clusterError(err)
		}
		tasks = append(tasks, answer.Tasks...)
	}
	return tasks, nil
}

// taskID is a task's id, whole.
var taskID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// named finds the tasks of desired statuses that a word names, as find does. Tasks that have stopped are kept for a month, so
// it looks at no more than it must: at one task, at those of a family, or else at all.
func (t *target) named(ctx context.Context, word string, in scope, desired ...ecs.DesiredStatus) ([]ecs.Task, error) {
	tasks, err := t.candidates(ctx, word, desired)
	if err != nil {
		return nil, err
	}
	found, err := find(tasks, word, in)
	if errors.Is(err, errNone) {
		err = fmt.Errorf("%w; `%s` lists the tasks", err, t.flags.line("ps", "-a"))
	}
	return found, err
}

// candidates are the tasks among which those are that a word names.
func (t *target) candidates(ctx context.Context, word string, desired []ecs.DesiredStatus) ([]ecs.Task, error) {
	if id := afterSlash(word); taskID.MatchString(id) {
		tasks, err := t.describe(ctx, []string{id})
		if err != nil || len(tasks) > 0 {
			return slices.DeleteFunc(tasks, func(task ecs.Task) bool { return !slices.Contains(desired, ecs.DesiredStatus(task.DesiredStatus)) }), err
		}
	}
	if familyName.MatchString(word) {
		family, _, _ := strings.Cut(word, ":")
		tasks, err := t.tasks(ctx, family, desired...)
		if err != nil || len(tasks) > 0 {
			return tasks, err
		}
	}
	return t.tasks(ctx, "", desired...)
}

// errNone is in what find returns for a word that names nothing.
var errNone = errors.New("there is no")

// scope is what a word may name.
type scope int

const (
	tasksAndFamilies scope = iota
	containersToo
)

// find returns the tasks that a word names: a task by its ARN or id, else all tasks of a family (family or
// family:revision), else the one task whose id begins so, else all tasks with a container of that name.
func find(tasks []ecs.Task, word string, in scope) ([]ecs.Task, error) {
	id := afterSlash(word)
	var exact, family, begins, container []ecs.Task
	for _, task := range tasks {
		if afterSlash(task.TaskArn) == id {
			exact = append(exact, task)
		}
		if inFamily(&task, word) {
			family = append(family, task)
		}
		if id != "" && strings.HasPrefix(afterSlash(task.TaskArn), id) {
			begins = append(begins, task)
		}
		if in == containersToo && hasContainer(&task, word) {
			container = append(container, task)
		}
	}
	switch {
	case len(exact) > 0:
		return exact, nil
	case len(family) > 0:
		return family, nil
	case len(begins) == 1:
		return begins, nil
	case len(container) > 0:
		return container, nil
	case len(begins) > 1:
		var ids []string
		for _, task := range begins {
			ids = append(ids, shortID(task.TaskArn))
		}
		return nil, fmt.Errorf("%s begins the ids of %s (%s): type more of it", word, count(len(begins), "task"), joinWords(ids))
	}
	kinds := "task or family"
	if in == containersToo {
		kinds = "task, family or container"
	}
	return nil, fmt.Errorf("%w %s %q here", errNone, kinds, word)
}

// inFamily is whether a task is of a family, or of a family's revision ("web:3").
func inFamily(task *ecs.Task, word string) bool {
	definition := afterSlash(task.TaskDefinitionArn)
	family, _, _ := strings.Cut(definition, ":")
	return word == family || word == definition
}

func hasContainer(task *ecs.Task, name string) bool {
	return slices.ContainsFunc(task.Containers, func(c ecs.Container) bool { return c.Name == name })
}
