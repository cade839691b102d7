package elb

import (
	"context"
	"time"

	"github.com/berth-dev/berth/internal/store"
)

// settle is how long a change waits for others that come with it, before the data path is told.
const settle = 5 * time.Millisecond

// Run tells the data path what load balancers and target groups are to be, at first all and then whatever changes, and ends the
// draining of targets, until ctx ends. The store has been started.
func (s *Service) Run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := newReconciler(s)
	stop := r.watchCertificates()
	defer stop()
	balancers, balancerEvents := s.tables.balancers.Watch(ctx)
	groups, groupEvents := s.tables.groups.Watch(ctx)
	_, listenerEvents := s.tables.listeners.Watch(ctx)
	_, ruleEvents := s.tables.rules.Watch(ctx)
	targets, targetEvents := s.tables.targets.Watch(ctx)
	for _, row := range balancers {
		r.balancers[place{row.Scope, row.ID}] = true
	}
	for _, row := range groups {
		r.groups[place{row.Scope, row.ID}] = true
	}
	for _, row := range targets {
		r.groups[place{row.Scope, row.Value.Group}] = true
	}
	flush, drain := time.NewTimer(0), time.NewTimer(0)
	defer flush.Stop()
	defer drain.Stop()
	for ctx.Err() == nil {
		waited := r.waiting()
		select {
		case <-ctx.Done():
		case e, ok := <-balancerEvents:
			r.balancer(either(e), ok)
		case e, ok := <-groupEvents:
			r.group(either(e), ok)
		case e, ok := <-listenerEvents:
			r.listener(either(e), ok)
		case e, ok := <-ruleEvents:
			r.rule(e, ok)
		case e, ok := <-targetEvents:
			r.target(e, ok)
		case <-r.renewals.told:
			r.renew()
		case <-flush.C:
			r.flush()
			drain.Reset(r.untilDrained())
		case <-drain.C:
			r.drain(ctx)
			drain.Reset(r.untilDrained())
		}
		if !waited && r.waiting() {
			flush.Reset(settle)
		}
		if r.ended {
			return
		}
	}
}

// either is the newer of an event's rows.
func either[T any](e store.Event[T]) *store.Row[T] {
	if e.New != nil {
		return e.New
	}
	return e.Old
}
