package ecs

import (
	"github.com/berth-dev/berth/internal/ecs/placement/query"
	"github.com/berth-dev/berth/internal/store"
)

// instanceFilter is a filter of container instances in the cluster query language; an empty one lets all pass.
func (s *Service) instanceFilter(text string) (func(store.Row[Instance]) bool, error) {
	if text == "" {
		return func(store.Row[Instance]) bool { return true }, nil
	}
	e, err := query.Parse(text)
	if err != nil {
		return nil, invalidParameter("Invalid filter expression: %v.", err)
	}
	return func(row store.Row[Instance]) bool { return e.Matches(listed{s, row}) }, nil
}

// listed is an instance of the store as expressions see it.
type listed struct {
	*Service
	row store.Row[Instance]
}

func (l listed) Attribute(name string) (value string, ok bool) { return l.row.Value.attribute(name) }

func (l listed) AgentConnected() bool  { return l.connected(l.row.Value) }
func (l listed) AgentVersion() string  { return l.row.Value.Agent.Version }
func (l listed) EC2InstanceID() string { return l.row.Value.EC2InstanceID }
func (l listed) RegisteredAt() int64   { return l.row.Value.RegisteredAt.Unix() }

func (l listed) RunningTasks() int {
	return l.Tasks.Count(l.row.Scope, taskCounts, instanceCount(l.row.ID, countRunning))
}

func (l listed) RunsGroup(name string) bool {
	return l.runs(func(group string) bool { return group == name })
}

func (l listed) InGroups(some *query.Groups) bool { return l.runs(some.Has) }

// runs tells whether a task that is not to stop is on the instance of whose group ok says so.
func (l listed) runs(ok func(group string) bool) bool {
	for task := range l.Tasks.Find(l.row.Scope, LiveByInstance, l.row.ID) {
		if !task.Value.Ending() && ok(task.Value.Group) {
			return true
		}
	}
	return false
}
