package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/berth-dev/berth/api/ecs"
)

func TestFind(t *testing.T) {
	task := func(id, definition string, containers ...string) ecs.Task {
		task := ecs.Task{
			TaskArn:           "arn:aws:ecs:us-east-1:000000000000:task/default/" + id,
			TaskDefinitionArn: "arn:aws:ecs:us-east-1:000000000000:task-definition/" + definition,
		}
		for _, name := range containers {
			task.Containers = append(task.Containers, ecs.Container{Name: name})
		}
		return task
	}
	tasks := []ecs.Task{
		task("aaaa1111aaaa1111", "web:1", "nginx"),
		task("aaaa2222aaaa2222", "web:2", "nginx"),
		task("bbbb3333bbbb3333", "cafe:1", "main"),
		task("cafe4444cafe4444", "job:1", "main", "sidecar"),
	}
	for name, test := range map[string]struct {
		word string
		in   scope
		want string // ids' beginnings, or the error
	}{
		"a whole id":                           {"aaaa1111aaaa1111", tasksAndFamilies, "aaaa1111"},
		"an ARN":                               {tasks[1].TaskArn, tasksAndFamilies, "aaaa2222"},
		"the beginning of one id":              {"b", tasksAndFamilies, "bbbb3333"},
		"the beginning of two ids":             {"aaaa", tasksAndFamilies, "aaaa begins the ids of 2 tasks (aaaa1111aaaa, aaaa2222aaaa): type more of it"},
		"a family":                             {"web", tasksAndFamilies, "aaaa1111 aaaa2222"},
		"a revision":                           {"web:2", tasksAndFamilies, "aaaa2222"},
		"a family before the beginning of one": {"cafe", tasksAndFamilies, "bbbb3333"},
		"a container":                          {"main", containersToo, "bbbb3333 cafe4444"},
		"a container where none is wanted":     {"main", tasksAndFamilies, `there is no task or family "main" here`},
		"what is not there":                    {"zz", containersToo, `there is no task, family or container "zz" here`},
		"nothing":                              {"", containersToo, `there is no task, family or container "" here`},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := find(tasks, test.word, test.in)
			var got []string
			for _, task := range found {
				got = append(got, shortID(task.TaskArn)[:8])
			}
			if text := strings.Join(got, " "); err == nil && text != test.want || err != nil && !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("found %s (%v), want %s", text, err, test.want)
			}
			if none := strings.HasPrefix(test.want, "there is no"); none != errors.Is(err, errNone) {
				t.Errorf("errNone is wrong of %v", err)
			}
		})
	}
}
