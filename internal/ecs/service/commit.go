package service

import (
	"context"
	"reflect"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/ecs/service/plan"
	"github.com/berth-dev/berth/internal/store"
)

// commit writes what a plan has decided, but for the tasks that it starts, in one transaction: it holds fifty stops and fifty
// counted ends at most. It returns the service's record, which is the one before when there was nothing to write.
func (l *loop) commit(ctx context.Context, key serviceKey, s *seen, p plan.Plan) (*Service, error) {
	p.Weights = l.reweighed(key, p.Weights)
	deployed := !reflect.DeepEqual(s.service.Deployment, p.Service.Deployment) || s.deployment != nil && s.deployment.Breaker == nil
	if len(p.Stop)+len(p.Counted)+len(p.Events)+len(p.Weights)+len(s.images) == 0 && !p.Inactive && !deployed && reflect.DeepEqual(s.service, p.Service) {
		return s.record, nil
	}
	v := *s.record
	v.Version++
	v.apply(p.Service)
	if p.Inactive {
		v.inactive()
	}
	now := s.world.Now
	var written Service
	err := l.leader.Update(ctx, func(tx *store.Tx) error {
		written = v
		if err := l.unchanged(tx, key, s.record); err != nil {
			return err
		}
		for _, id := range p.Counted {
			if err := l.ecs.CountTx(tx, key.scope, id); err != nil {
				return err
			}
		}
		for _, stop := range p.Stop {
			if err := l.ecs.StopTx(tx, key.scope, stop.Task, ecs.Stop{Code: stop.Code, Reason: stop.Reason, At: now}); err != nil {
				return err
			}
		}
		for _, w := range p.Weights {
			if err := l.balancers.SetWeights(tx, key.scope, w.Rule, w.Groups); err != nil {
				return err
			}
		}
		if err := l.noteSets(tx, key, s, p, now); err != nil {
			return err
		}
		if err := l.noteImages(tx, key, s); err != nil {
			return err
		}
		if err := l.deployed(tx, key, &written, s, p.Service); err != nil {
			return err
		}
		for _, text := range p.Events {
			if err := l.Tell(tx, key.scope, &written, now, text); err != nil {
				return err
			}
		}
		return l.Services.Put(tx, key.scope, key.key, &written)
	})
	if err != nil {
		return nil, err
	}
	return &written, nil
}

// unchanged fails with errStale when the service's record is not the one that was looked at.
func (l *loop) unchanged(tx *store.Tx, key serviceKey, record *Service) error {
	if now, ok := l.Services.GetTx(tx, key.scope, key.key); !ok || now.Version != record.Version || !now.CreatedAt.Equal(record.CreatedAt) {
		return errStale
	}
	return nil
}

// deployed writes what has become of the deployment that is under way, as part of the transaction.
func (l *loop) deployed(tx *store.Tx, key serviceKey, v *Service, s *seen, p plan.Service) error {
	if s.deployment == nil || p.Deployment == nil {
		return nil
	}
	d := *s.deployment
	d.apply(p.Deployment)
	d.Breaker = breakerOf(&d, p)
	d.weigh(p.Rollouts)
	d.UpdatedAt = s.world.Now
	if d.over() {
		l.tally(key.scope, v, &d)
		v.Deployment = ""
	}
	return l.Deployments.Put(tx, key.scope, d.Key(), &d)
}

// breakerOf is where the circuit breaker of a deployment stands.
func breakerOf(d *Deployment, p plan.Service) *api.ServiceDeploymentCircuitBreaker {
	if !p.Breaker.Enable {
		return &api.ServiceDeploymentCircuitBreaker{Status: api.ServiceDeploymentRollbackMonitorsStatusDisabled}
	}
	out := &api.ServiceDeploymentCircuitBreaker{Status: api.ServiceDeploymentRollbackMonitorsStatusMonitoring, Threshold: int32(p.Breaker.Threshold(p.Desired))}
	if before := d.Breaker; before != nil {
		out.FailureCount = before.FailureCount
	}
	for i := range p.Rollouts {
		if r := &p.Rollouts[i]; r.ID == d.Rollout && r.State != api.DeploymentRolloutStateCompleted {
			out.FailureCount = int32(p.Breaker.Failures(r))
		}
	}
	switch {
	case p.Deployment.Tripped || d.Breaker != nil && d.Breaker.Status == api.ServiceDeploymentRollbackMonitorsStatusTriggered:
		out.Status = api.ServiceDeploymentRollbackMonitorsStatusTriggered
	case d.over():
		out.Status = api.ServiceDeploymentRollbackMonitorsStatusMonitoringComplete
	}
	return out
}

// noteImages writes down what the images of a revision stand for.
func (l *loop) noteImages(tx *store.Tx, key serviceKey, s *seen) error {
	if s.images == nil {
		return nil
	}
	return l.Revisions.Modify(tx, key.scope, PartKey(s.record.Cluster, s.record.Name, s.record.Primary().Revision), func(r *Revision) error {
		r.Images = s.images
		return nil
	})
}

// inactive makes it a service that was deleted and has no tasks any more.
func (s *Service) inactive() {
	s.Status, s.Rollouts, s.SteadyAt, s.Told = Inactive, nil, time.Time{}, nil
}
