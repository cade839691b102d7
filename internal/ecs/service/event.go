package service

import (
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/berth-dev/berth/internal/store"
)

// eventsKept is how many events of a service are kept: as many as DescribeServices shows.
const eventsKept = 100

// Tell records an event of a service, in the transaction that writes the service's record after it: the record counts its
// events, and those beyond the newest hundred go.
func (s *Scheduler) Tell(tx *store.Tx, scope store.Scope, of *Service, at time.Time, message string) error {
	of.Events++
	e := &Event{ID: uuid.NewString(), Service: of.Name, Cluster: of.Cluster, CreatedAt: at, Message: message}
	if err := s.Events.Put(tx, scope, EventKey(of.Cluster, of.Name, of.Events), e); err != nil {
		return err
	}
	if of.Events <= eventsKept {
		return nil
	}
	err := s.Events.Delete(tx, scope, EventKey(of.Cluster, of.Name, of.Events-eventsKept))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
