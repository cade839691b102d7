package ecs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/berth-dev/berth/internal/store"
)

// What package dispatch tells of its sessions with agents.

// ErrInactiveInstance is the answer to an agent whose instance is not registered (any more): it has to register again.
var ErrInactiveInstance = errors.New("the container instance is not registered")

// AgentConnected records that the agent of an instance has opened the session, which takes the place of the one before.
// It returns ErrInactiveInstance when the instance is not registered.
func (s *Service) AgentConnected(ctx context.Context, scope store.Scope, instance, session string, agent Agent) error {
	defer s.placer.look(scope, instance)
	return s.db.Update(ctx, func(tx *store.Tx) error {
		old, ok := s.Instances.GetTx(tx, scope, instance)
		if !ok || old.Status == instanceInactive {
			return fmt.Errorf("instance %s: %w", instance, ErrInactiveInstance)
		}
		i := *old
		i.Agent, i.Session = agent, &Session{ID: session, Server: s.server}
		i.Version++
		return s.Instances.Put(tx, scope, instance, &i)
	})
}

// AgentDisconnected records that a session has ended. It is nothing to an instance that has a newer one, but is written all the same: should
// the record that the session began be on its way still, it comes to nothing.
func (s *Service) AgentDisconnected(ctx context.Context, scope store.Scope, instance, session string) error {
	defer s.placer.look(scope, instance)
	return s.db.Update(ctx, func(tx *store.Tx) error {
		old, ok := s.Instances.GetTx(tx, scope, instance)
		if !ok {
			return nil
		}
		i := *old
		if i.Session != nil && i.Session.ID == session {
			i.Session, i.DisconnectedAt = nil, time.Now().UTC()
			i.Version++
		}
		return s.Instances.Put(tx, scope, instance, &i)
	})
}

// AgentLeft records that the agent of a deregistered instance has come back and was told to stop all that it ran. From then
// on its sessions are refused.
func (s *Service) AgentLeft(ctx context.Context, scope store.Scope, instance string) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		old, ok := s.Instances.GetTx(tx, scope, instance)
		if !ok || old.Status != instanceInactive || !old.LeftAt.IsZero() {
			return nil
		}
		i := *old
		i.LeftAt = time.Now().UTC()
		if i.Abandoned {
			i.StatusReason = reasonLeft
		}
		i.Version++
		return s.Instances.Put(tx, scope, instance, &i)
	})
}

// The statusReason of an instance that was deregistered while tasks ran on it.
const (
	reasonAbandoned = "Deregistered while tasks were running on it: their containers go on until the agent connects and is told to stop them."
	reasonLeft      = "Deregistered while tasks were running on it: the agent has been told to stop their containers."
)

// connected tells whether the instance's agent has a session. A record may name one of a run of the server that is over.
func (s *Service) connected(i *Instance) bool {
	return i.Session != nil && i.Session.Server == s.server
}
