package ecs

import (
	"context"
	"errors"
	"slices"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// errNothingPlaced ends a transaction that has nothing to commit.
var errNothingPlaced = errors.New("nothing was placed")

// launch places the tasks and commits them, their network interfaces and the client token, if there is one, in one
// mutation. What found no room is no error: the shares tell.
func (s *Service) launch(ctx context.Context, scope store.Scope, l *launch, token *store.Token) error {
	// A client that goes away must not leave it in doubt what it asked for.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	l.template.LogMode = s.logMode(ctx, scope)
	if err := s.placer.wait(ctx, l); err != nil {
		return err
	}
	if !s.placer.begin() {
		return wire.Errorf(api.ServerException, "Berth is shutting down: no task is started any more.")
	}
	defer s.placer.end()
	var own bool // what the token is remembered with is this launch's
	err := s.leader().Update(ctx, func(tx *store.Tx) (err error) {
		own = false
		commit := func() (ran, error) {
			own = true
			return s.commit(tx, scope, l)
		}
		if token == nil {
			l.ran, err = commit()
		} else {
			l.ran, err = store.Once(tx, scope, *token, commit)
		}
		return err
	})
	if err != nil {
		l.ran.Tasks = nil
	}
	unused := l.unused()
	if errors.Is(err, store.ErrInDoubt) {
		s.placer.leave(scope, unused, doubtful)
		return err
	}
	s.placer.drop(unused)
	s.placer.leave(scope, l.ran.Tasks, 0)
	if errors.Is(err, errNothingPlaced) {
		err = nil
	}
	if own && err == nil {
		s.noteUnplaced(scope, l)
	}
	return err
}

// commit writes the tasks that are placed, and places them when it runs for the first time. The transaction compares what the request was
// checked against: neither the cluster nor the definition may have gone or been retired meanwhile, nor the cluster have lost a capacity provider.
func (s *Service) commit(tx *store.Tx, scope store.Scope, l *launch) (out ran, err error) {
	cluster, err := s.ActiveCluster(tx, scope, l.template.Cluster)
	if err != nil {
		return out, err
	}
	for _, sh := range l.shares {
		if sh.provider != "" && !slices.Contains(cluster.CapacityProviders, sh.provider) {
			return out, notAssociated()
		}
	}
	definition, found := s.TaskDefinitions.GetTx(tx, scope, l.template.Definition.Key())
	if err := mayRun(definition, found); err != nil && (!found || l.template.Service == "") { // services go on with what was deregistered
		return out, err
	}
	if !l.placed {
		s.placer.place(l)
		l.placed = true
	}
	for _, sh := range l.shares {
		for _, c := range sh.chosen {
			task := l.task(sh, c)
			if l.network != nil {
				if err := s.attach(tx, scope, l, task, c.Instance.Zone); err != nil {
					return out, err
				}
			}
			if err := s.Tasks.Create(tx, scope, task.ID, task); err != nil {
				return out, err
			}
			out.Tasks = append(out.Tasks, task.ID)
		}
	}
	out.Failures = s.failures(scope, l)
	if len(out.Tasks) == 0 {
		return out, errNothingPlaced
	}
	if l.also != nil {
		return out, l.also(tx, out.Tasks)
	}
	return out, nil
}

// attach gives a task its network interface, in the zone of its instance when that has one.
func (s *Service) attach(tx *store.Tx, scope store.Scope, l *launch, task *Task, zone string) error {
	a := Attachment{ID: newUUID(), Status: AttachmentPrecreated}
	spec := InterfaceSpec{
		Subnets:        l.network.Subnets,
		Zone:           zone,
		SecurityGroups: l.network.SecurityGroups,
		Public:         l.network.AssignPublicIp == api.AssignPublicIpEnabled,
		Attachment:     AttachmentARN(scope, a.ID),
		Description:    AttachmentARN(scope, a.ID),
		Owner:          TaskARN(scope, task.Cluster, task.ID),
	}
	made, err := s.network.CreateInterface(tx, scope, spec)
	if row, ok := s.Instances.Get(scope, task.Instance); errors.Is(err, ErrNoAddress) && ok && !row.Value.Located { // the zone was a wish
		spec.Zone = ""
		made, err = s.network.CreateInterface(tx, scope, spec)
	}
	if err != nil {
		return networkError(err)
	}
	a.Interface, task.Zone = made, made.Zone
	task.Attachments = []Attachment{a}
	return nil
}

// unused are the reservations of placements that the launch did not commit.
func (l *launch) unused() []string {
	committed := map[string]bool{}
	for _, id := range l.ran.Tasks {
		committed[id] = true
	}
	var out []string
	for _, sh := range l.shares {
		for _, c := range sh.chosen {
			if !committed[c.Task] {
				out = append(out, c.Task)
			}
		}
	}
	return out
}
