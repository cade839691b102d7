package elb

import (
	"context"
	"time"

	"github.com/berth-dev/berth/internal/store"
)

const (
	// idleLook is how often draining targets are looked at, where draining ends with their last connection.
	idleLook = 50 * time.Millisecond
	// retry is how long after a failure to end the draining of targets it is tried again.
	retry = time.Second
	// never is as long as a timer needs to run when there is nothing to wait for.
	never = 24 * time.Hour
)

// drainings are the groups with targets that drain, with when the first of them will have.
type drainings map[place]time.Time

// note looks at a group's targets. Those of a group that is gone have drained.
func (d drainings) note(s *Service, at place) {
	delete(d, at)
	g, ok := s.tables.groups.Get(at.scope, at.id)
	for row := range s.tables.targets.Find(at.scope, byGroup, at.id) {
		since, due := row.Value.DrainingSince, time.Time{}
		switch {
		case ok && since.IsZero():
			continue
		case ok:
			due = since.Add(g.Value.delay())
		}
		if first, waits := d[at]; !waits || due.Before(first) {
			d[at] = due
		}
	}
}

// untilDrained is how long the next target drains, at the most.
func (r *reconciler) untilDrained() time.Duration {
	wait := never
	for _, due := range r.draining {
		wait = min(wait, max(0, due.Sub(r.now())))
	}
	if len(r.draining) > 0 && r.config.DrainIdle {
		wait = min(wait, idleLook)
	}
	return wait
}

// drain takes the targets away that have drained.
func (r *reconciler) drain(ctx context.Context) {
	for at := range r.draining {
		drained := r.done(at)
		if len(drained) == 0 {
			r.draining.note(r.Service, at)
			continue
		}
		_, err := store.UpdateEach(ctx, r.db, drained, func(tx *store.Tx, id string) error { return r.remove(tx, at, id) })
		if err != nil && ctx.Err() == nil {
			r.log.Error("targets stay registered that have drained", "group", at.id, "retry", retry, "error", err)
			r.draining[at] = r.now().Add(retry)
			continue
		}
		r.draining.note(r.Service, at)
	}
}

// done are the ids of a group's targets that have drained: all, when there is no such group any more.
func (r *reconciler) done(at place) (drained []string) {
	g, ok := r.tables.groups.Get(at.scope, at.id)
	for row := range r.tables.targets.Find(at.scope, byGroup, at.id) {
		if !ok || r.drainedAt(at.scope, g.Value, row.Value, r.now()) {
			drained = append(drained, row.ID)
		}
	}
	return drained
}

// remove takes a target away unless it is in service again.
func (s *Service) remove(tx *store.Tx, at place, id string) error {
	t, ok := s.tables.targets.GetTx(tx, at.scope, id)
	if !ok {
		return nil
	}
	if _, serves := s.tables.groups.GetTx(tx, at.scope, at.id); serves && t.DrainingSince.IsZero() {
		return nil
	}
	return s.tables.targets.Delete(tx, at.scope, id)
}
