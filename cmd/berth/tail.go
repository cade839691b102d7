package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/operator"
)

// followEvery is how often new events are asked for.
const followEvery = 250 * time.Millisecond

// tail is the log streams of what a word names. It follows the tasks that come by the state changes that are recorded: one that
// ran between two looks is among them.
type tail struct {
	t           *target
	word        string
	container   bool   // the word is the name of containers
	one         string // the ARN of the one task that is meant; empty: more may come
	streams     map[string]*stream
	dropped     map[string]bool // those read to their end
	elsewhere   []string        // where containers log that can't be read here, a sentence each
	definitions definitions
	after       uint64 // number of the last state change that was looked at
}

// stream is one container's log stream.
type stream struct {
	group, name     string                // no name: the container has not started, and nothing is logged
	file            string                // the task's id, where the container logs into files on its machine; empty: it is a log stream
	place           operator.OutputCursor // how far those are read
	task, container string
	ended           bool            // its task has stopped: what is there is all
	newest          int64           // unix milliseconds, of the events read so far
	seen            map[string]bool // ids of the events read at that millisecond
}

// tail finds the streams of what a word names.
func (t *target) tail(ctx context.Context, word string, follow bool) (*tail, error) {
	l := &tail{t: t, word: word, streams: map[string]*stream{}, dropped: map[string]bool{}, definitions: definitions{}}
	if follow { // before the tasks are listed, so that none is missed between the two
		now, err := t.operator.Events(ctx, operator.EventQuery{Last: 1})
		if err != nil {
			return nil, err
		}
		l.after = now.Next
	}
	named, err := t.named(ctx, word, containersToo, ecs.DesiredStatusRunning, ecs.DesiredStatusStopped)
	if err != nil {
		return nil, err
	}
	if len(named) == 1 && strings.HasPrefix(afterSlash(named[0].TaskArn), afterSlash(word)) {
		l.one = named[0].TaskArn
	}
	l.container = l.one == "" && !inFamily(&named[0], word)
	gone, err := l.add(ctx, named)
	switch {
	case err != nil:
		return nil, err
	case len(l.streams) == 0 && gone > 0:
		return nil, fmt.Errorf("where %s logged is not known any more: its task definition was deleted", word)
	case len(l.streams) == 0:
		return nil, fmt.Errorf("what %s prints is not kept by Berth: %s", word, strings.Join(l.elsewhere, "; "))
	}
	return l, nil
}

// over is whether nothing more is to come: not from one task that has stopped.
func (l *tail) over() bool { return l.one != "" && len(l.streams) == 0 }

// drop leaves alone what was read after its task had stopped.
func (l *tail) drop() {
	for key, s := range l.streams {
		if s.ended {
			delete(l.streams, key)
			l.dropped[key] = true
		}
	}
}

// look finds what has come and what has stopped since.
func (l *tail) look(ctx context.Context) error {
	if l.one != "" {
		tasks, err := l.t.describe(ctx, []string{l.one})
		if err == nil && len(tasks) == 0 {
			err = fmt.Errorf("task %s is forgotten: was Berth reset?", shortID(l.one))
		}
		if err == nil {
			_, err = l.add(ctx, tasks)
		}
		return err
	}
	changes, err := l.t.operator.Events(ctx, operator.EventQuery{After: l.after, Cluster: afterSlash(l.t.cluster)})
	if err != nil {
		return err
	}
	l.after = changes.Next
	changed, err := l.t.describe(ctx, tasksIn(changes))
	if err != nil {
		return err
	}
	_, err = l.add(ctx, slices.DeleteFunc(changed, func(task ecs.Task) bool { return !l.means(&task) }))
	return err
}

// means is whether the word means a task that comes later too.
func (l *tail) means(task *ecs.Task) bool {
	if l.container {
		return hasContainer(task, l.word)
	}
	return inFamily(task, l.word)
}

// tasksIn are the ARNs of the tasks that have changed.
func tasksIn(changes operator.Events) (arns []string) {
	seen := map[string]bool{}
	for _, e := range changes.Events {
		var event struct {
			Kind      string   `json:"detail-type"`
			Resources []string `json:"resources"`
		}
		if json.Unmarshal(e.Event, &event) != nil || !strings.HasPrefix(event.Kind, "ECS Task") || len(event.Resources) != 1 || seen[event.Resources[0]] {
			continue
		}
		seen[event.Resources[0]] = true
		arns = append(arns, event.Resources[0])
	}
	return arns
}

// add adds the streams of tasks that are not there yet, and notes which tasks have stopped. gone is of how many tasks nobody
// knows any more where they logged.
func (l *tail) add(ctx context.Context, tasks []ecs.Task) (gone int, err error) {
	for _, task := range tasks {
		definition, err := l.definitions.of(ctx, l.t, &task)
		if hasCode(err, "ClientException") {
			gone++
			continue
		}
		if err != nil {
			return gone, err
		}
		for _, c := range definition.ContainerDefinitions {
			if l.container && c.Name != l.word {
				continue
			}
			s := streamOf(&task, &c)
			if s == nil {
				if where := elsewhere(definition, &task, &c); !slices.Contains(l.elsewhere, where) {
					l.elsewhere = append(l.elsewhere, where)
				}
				continue
			}
			key := task.TaskArn + " " + c.Name
			if l.streams[key] == nil && !l.dropped[key] {
				l.streams[key] = s
			}
			if known := l.streams[key]; known != nil {
				known.name, known.ended = s.name, task.LastStatus == "STOPPED"
			}
		}
	}
	return gone, nil
}

// streamOf returns the container's stream, nil when it logs by a driver that can't be read here.
func streamOf(task *ecs.Task, c *ecs.ContainerDefinition) *stream {
	if c.LogConfiguration == nil || c.LogConfiguration.LogDriver == ecs.LogDriverJsonFile {
		return &stream{file: afterSlash(task.TaskArn), task: shortID(task.TaskArn), container: c.Name}
	}
	if c.LogConfiguration.LogDriver != ecs.LogDriverAwslogs {
		return nil
	}
	options := c.LogConfiguration.Options
	s := &stream{group: options["awslogs-group"], task: shortID(task.TaskArn), container: c.Name, seen: map[string]bool{}}
	if prefix := options["awslogs-stream-prefix"]; prefix != "" {
		s.name = prefix + "/" + c.Name + "/" + afterSlash(task.TaskArn)
		return s
	}
	for _, running := range task.Containers {
		if running.Name == c.Name {
			s.name = running.RuntimeId
		}
	}
	return s
}
