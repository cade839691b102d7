package ecs

import (
	"context"
	"errors"
	"fmt"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs/placement"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// RunTask places and commits up to ten tasks of a definition. Those that find no room are in failures; the answer comes
// once the others are durable.
func (s *Service) RunTask(ctx context.Context, r *api.RunTaskRequest) (*api.RunTaskResponse, error) {
	scope := scopeOf(ctx)
	l, err := s.launchOf(scope, r)
	if err != nil {
		return nil, err
	}
	if err := s.launch(ctx, scope, l, r); err != nil {
		return nil, err
	}
	out := &api.RunTaskResponse{Tasks: []api.Task{}, Failures: s.failures(l, scope)}
	for _, id := range l.tasks {
		if row, ok := s.Tasks.Get(scope, id); ok {
			out.Tasks = append(out.Tasks, describeTask(scope, row.Value, true))
		}
	}
	return out, nil
}

// tokenKept is how long a client token of RunTask is remembered.
const tokenKept = 24 * time.Hour

// errNothingPlaced ends a transaction that has nothing to commit.
var errNothingPlaced = errors.New("nothing was placed")

// launch places the tasks and commits them, their network interfaces and the client token in one mutation.
func (s *Service) launch(ctx context.Context, scope store.Scope, l *launch, r *api.RunTaskRequest) error {
	// A client that goes away must not leave it in doubt what it asked for.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := s.placer.wait(ctx, l.pool, l.request); err != nil {
		return err
	}
	if !s.placer.begin() {
		return wire.Errorf(api.ServerException, "Berth is shutting down: no task is started any more.")
	}
	defer s.placer.end()
	token := store.Token{Operation: "RunTask", Value: r.ClientToken, Keep: tokenKept}
	if r.ClientToken != "" {
		var err error
		if token.Params, err = store.Params(r); err != nil {
			return err
		}
	}
	err := s.leader().Update(ctx, func(tx *store.Tx) (err error) {
		if r.ClientToken == "" {
			l.tasks, err = s.commit(tx, scope, l)
			return err
		}
		l.tasks, err = store.Once(tx, scope, token, func() ([]string, error) { return s.commit(tx, scope, l) })
		return err
	})
	if err != nil {
		l.tasks = nil
	}
	unused := l.unused()
	if errors.Is(err, store.ErrInDoubt) {
		// The commit may still come: what is reserved for it stays so for a while.
		time.AfterFunc(time.Minute, func() { s.placer.drop(unused) })
		return err
	}
	s.placer.drop(unused)
	switch {
	case errors.Is(err, errNothingPlaced):
		return l.nowhere()
	case errors.Is(err, store.ErrTokenReused):
		return wire.Errorf(api.ConflictException, "The client token was used with other parameters.")
	}
	return err
}

// commit writes the tasks that are placed, and places them when it runs for the first time. The transaction compares what the request was
// checked against: neither the cluster nor the definition may have gone meanwhile.
func (s *Service) commit(tx *store.Tx, scope store.Scope, l *launch) ([]string, error) {
	if c, ok := s.Clusters.GetTx(tx, scope, l.template.Cluster); !ok || c.Status != clusterActive {
		return nil, clusterNotFound()
	}
	if _, ok := s.TaskDefinitions.GetTx(tx, scope, l.template.Definition.Key()); !ok {
		return nil, clientException("TaskDefinition not found.")
	}
	if !l.placed {
		l.chosen, l.refusals, l.candidates = s.placer.place(l.pool, l.request, l.count)
		l.placed = true
	}
	if len(l.chosen) == 0 {
		return nil, errNothingPlaced
	}
	ids := make([]string, len(l.chosen))
	for i, c := range l.chosen {
		task := l.task(c)
		if l.network != nil {
			if err := s.attach(tx, scope, l, task); err != nil {
				return nil, err
			}
		}
		if err := s.Tasks.Create(tx, scope, task.ID, task); err != nil {
			return nil, err
		}
		ids[i] = task.ID
	}
	return ids, nil
}

// attach gives a task its network interface.
func (s *Service) attach(tx *store.Tx, scope store.Scope, l *launch, task *Task) error {
	a := Attachment{ID: newUUID(), Status: AttachmentPrecreated}
	made, err := s.network.CreateInterface(tx, scope, InterfaceSpec{
		Subnets:        l.network.Subnets,
		SecurityGroups: l.network.SecurityGroups,
		Public:         l.network.AssignPublicIp == api.AssignPublicIpEnabled,
		Attachment:     AttachmentARN(scope, a.ID),
		Description:    AttachmentARN(scope, a.ID),
		Owner:          TaskARN(scope, task.Cluster, task.ID),
	})
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
	for _, id := range l.tasks {
		committed[id] = true
	}
	var out []string
	for _, c := range l.chosen {
		if !committed[c.task] {
			out = append(out, c.task)
		}
	}
	return out
}

// nowhere is the error of a launch that could place nothing, nil where failures[] say it.
func (l *launch) nowhere() error {
	if l.pool.cluster != "" && !l.candidates {
		return invalidParameter("No Container Instances were found in your cluster.")
	}
	return nil
}

const (
	noCapacity  = "Capacity is unavailable at this time. Please try again later or in a different availability zone"
	maxFailures = 100
)

// noPool says that nothing offers Fargate in the scope, and where in the account something does: what is asked of another
// region than the machine's is the likeliest reason.
func (s *Service) noPool(scope store.Scope) string {
	for row := range s.Instances.All() {
		if i := row.Value; i.Pool == FargatePool && i.Status != instanceInactive && row.Scope.Account == scope.Account {
			return fmt.Sprintf("No machine of the Fargate pool is registered in %s. There is one in %s: ask there, or start Berth with --region %s.",
				scope.Region, row.Scope.Region, scope.Region)
		}
	}
	return fmt.Sprintf("No machine of the Fargate pool is registered in %s.", scope.Region)
}

// failures tell why tasks were not placed: one for every instance on EC2, one for every task on Fargate.
func (s *Service) failures(l *launch, scope store.Scope) []api.Failure {
	out := []api.Failure{}
	short := l.count - len(l.tasks)
	if !l.placed || short <= 0 {
		return out
	}
	if l.pool.cluster == "" {
		detail := placement.Explain(l.refusals)
		if len(l.refusals) == 0 {
			detail = s.noPool(scope)
		}
		for range short {
			out = append(out, api.Failure{Reason: noCapacity, Detail: detail})
		}
		return out
	}
	for _, v := range l.refusals[:min(len(l.refusals), maxFailures)] {
		out = append(out, api.Failure{Arn: InstanceARN(scope, l.pool.cluster, v.Instance), Reason: string(v.Obstacle), Detail: v.Detail})
	}
	return out
}
