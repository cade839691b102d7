package service

import (
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/ecs/service/plan"
)

// seen is all that was read of a service for one decision.
type seen struct {
	record     *Service
	deployment *Deployment          // nil: none is under way
	revisions  map[string]*Revision // of its rollouts and task sets, by id
	sets       []*TaskSet
	service    plan.Service
	world      plan.World
	images     []api.ContainerImage // what the images of the primary revision stood for, where nobody has written it down
}

// healthyAfter is how long a task without checks runs until it counts as healthy.
const healthyAfter = 40 * time.Second

// look reads what there is to know of a service.
func (l *loop) look(key serviceKey, v *Service) *seen {
	s := &seen{record: v, revisions: map[string]*Revision{}}
	s.sets = l.taskSetsOf(key.scope, v)
	for _, id := range s.parts() {
		if row, ok := l.Revisions.Get(key.scope, PartKey(v.Cluster, v.Name, id)); ok {
			s.revisions[id] = row.Value
		}
	}
	if v.Deployment != "" {
		if row, ok := l.Deployments.Get(key.scope, PartKey(v.Cluster, v.Name, v.Deployment)); ok {
			s.deployment = row.Value
		}
	}
	s.service = planned(v, s)
	s.world = plan.World{Now: l.wall().UTC().Round(0), HealthyAfter: l.config.HealthyAfter, NewID: NewRolloutID(), Instances: map[string]plan.Instance{}}
	if s.world.HealthyAfter == 0 {
		s.world.HealthyAfter = healthyAfter
	}
	s.world.Full = l.fullness(key, s.world.Now)
	l.lookAtTasks(key, s)
	l.measure(key, s)
	if p := v.Primary(); p != nil && s.revisions[p.Revision] != nil {
		order := l.order(key.scope, v, s.revisions[p.Revision], p.ID)
		if v.daemon() {
			l.lookAtInstances(key, s, order)
		} else if v.Status == Active {
			s.world.Zones = l.ecs.ZonesOf(key.scope, order)
		}
	}
	l.follow(key, s)
	return s
}

// parts are the ids of the revisions of which the service has, or is to have, tasks.
func (s *seen) parts() (ids []string) {
	for _, o := range s.record.Rollouts {
		ids = append(ids, o.Revision)
	}
	for _, set := range s.sets {
		ids = append(ids, set.Revision)
	}
	return ids
}

// lookAtTasks reads the tasks of a service, and what there is to know of the instances that they are on.
func (l *loop) lookAtTasks(key serviceKey, s *seen) {
	known := map[string]bool{}
	add := func(t *ecs.Task) {
		if known[t.ID] {
			return
		}
		known[t.ID] = true
		s.world.Tasks = append(s.world.Tasks, l.task(key, t))
		l.sawImages(key, s, t)
		if _, ok := s.world.Instances[t.Instance]; !ok {
			if row, ok := l.ecs.Instances.Get(key.scope, t.Instance); ok {
				s.world.Instances[t.Instance] = instance(row.Value)
			}
		}
	}
	for row := range l.ecs.Tasks.Find(key.scope, ecs.TasksByService, key.key) {
		add(row.Value)
	}
	for row := range l.ecs.Tasks.Find(key.scope, ecs.TasksUncounted, key.key) {
		add(row.Value)
	}
}

func instance(i *ecs.Instance) plan.Instance {
	return plan.Instance{ID: i.ID, Active: i.Status == string(api.ContainerInstanceStatusActive), Draining: i.Status == string(api.ContainerInstanceStatusDraining)}
}

// task is a task as a plan sees it.
func (l *loop) task(key serviceKey, t *ecs.Task) plan.Task {
	out := plan.Task{ID: t.ID, Rollout: t.StartedBy, Phase: phaseOf(t.Status), Zone: t.Zone, Instance: t.Instance, Provider: t.CapacityProvider,
		CreatedAt: t.CreatedAt, StartedAt: t.StartedAt, ProtectedUntil: t.ProtectedUntil, Told: t.Ending()}
	out.Checked, out.Health = healthOf(t)
	if why := t.Why(); why != nil && t.Uncounted() {
		out.End, out.EndedAt = why.Code, t.EndingAt
		if out.EndedAt.IsZero() {
			out.EndedAt = why.At
		}
	}
	if t.DeregisteredAt.IsZero() && !t.RegisteredAt.IsZero() && l.balancers != nil {
		for _, r := range t.Registered {
			h := l.balancers.Health(key.scope, r.Group, r.ID, r.Port)
			out.Targets = append(out.Targets, plan.Target{Group: r.Group, Port: int(r.Port), Registered: t.RegisteredAt, State: h.State, Reason: h.Reason, Text: h.Description})
		}
	}
	return out
}

func phaseOf(s ecs.Status) plan.Phase {
	switch s {
	case ecs.Provisioning, ecs.Pending, ecs.Activating:
		return plan.Starting
	case ecs.Running:
		return plan.Running
	case ecs.Stopped:
		return plan.Gone
	}
	return plan.Leaving
}

// healthOf is what the health checks of a task's essential containers say together, if they have any.
func healthOf(t *ecs.Task) (checked bool, health api.HealthStatus) {
	health = api.HealthStatusHealthy
	for i := range t.Containers {
		c := &t.Containers[i]
		if !c.Checked || !c.Essential {
			continue
		}
		checked = true
		switch {
		case c.Health == api.HealthStatusUnhealthy:
			return true, api.HealthStatusUnhealthy
		case c.Health != api.HealthStatusHealthy:
			health = api.HealthStatusUnknown
		}
	}
	return checked, health
}

// lookAtInstances reads the instances of the cluster for a daemon.
func (l *loop) lookAtInstances(key serviceKey, s *seen, order ecs.Order) {
	matching := map[string]bool{}
	if ids, err := l.ecs.Eligible(key.scope, order); err == nil {
		for _, id := range ids {
			matching[id] = true
		}
	}
	for row := range l.ecs.Instances.Find(key.scope, ecs.InstancesByCluster, s.record.Cluster) {
		i := instance(row.Value)
		i.Active = i.Active && row.Value.Session != nil
		i.Matches = matching[i.ID]
		i.Busy = i.Draining && l.busy(key, i.ID)
		s.world.Instances[i.ID] = i
	}
}

// busy tells whether an instance has tasks that are not of a daemon.
func (l *loop) busy(key serviceKey, instance string) bool {
	for row := range l.ecs.Tasks.Find(key.scope, ecs.LiveByInstance, instance) {
		t := row.Value
		if t.Service == "" {
			return true
		}
		if of, ok := l.Services.Get(key.scope, Key(t.Cluster, t.Service)); ok && !of.Value.daemon() {
			return true
		}
	}
	return false
}

// sawImages notes what the images of the primary revision stand for.
func (l *loop) sawImages(key serviceKey, s *seen, t *ecs.Task) {
	r, p := s.revisions[t.Revision], s.record.Primary()
	if r == nil || p == nil || p.Revision != t.Revision || len(r.Images) > 0 || s.images != nil {
		return
	}
	if d, ok := l.ecs.TaskDefinitions.Get(key.scope, r.definition().Key()); ok {
		s.images = resolved(d.Value, t)
	}
}

// follow remembers whose target groups are whose.
func (l *loop) follow(key serviceKey, s *seen) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range s.revisions {
		for _, arn := range r.groups() {
			at := groupKey{key.scope, arn}
			if l.groups[at] == nil {
				l.groups[at] = map[serviceKey]bool{}
			}
			l.groups[at][key] = true
		}
	}
}
