package dispatch

import (
	"fmt"
	"maps"
	"time"

	"github.com/google/uuid"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/ecs"
)

// keyring holds the credentials that a session has given out. They ride in the payloads, and are renewed by messages of
// their own once three quarters of their life are over. An agent keeps them in memory alone: each session begins anew.
type keyring struct {
	given map[keyName]*given
	// soonest is when the first of them is to be renewed, or earlier.
	soonest time.Time
}

type keyName struct {
	task string
	kind acs.RoleType
}

type given struct {
	credentials acs.IAMRoleCredentials
	renew       time.Time
	message     string // renewal under way; empty: acknowledged
	tries       int
}

func (k *keyring) due() time.Time { return k.soonest }

func (k *keyring) forget(task string) {
	delete(k.given, keyName{task, acs.RoleTypeTaskApplication})
	delete(k.given, keyName{task, acs.RoleTypeTaskExecution})
}

// acknowledged notes that the agent has a renewal. The protocol acknowledges credentials that came in a payload by the
// payload's id: those are no renewal.
func (k *keyring) acknowledged(m acs.IAMRoleCredentialsAckRequest) {
	for _, g := range k.given {
		if g.message != "" && g.message == m.MessageId && g.credentials.CredentialsId == m.CredentialsId {
			g.message, g.tries = "", 0
			g.renew = renewal(g.credentials, time.Now())
		}
	}
}

// renewal is when three quarters of what is left of credentials' life are over, a minute from now at the earliest.
func renewal(c acs.IAMRoleCredentials, now time.Time) time.Time {
	expires, err := time.Parse(time.RFC3339, c.Expiration)
	if err != nil {
		return now.Add(time.Minute)
	}
	return now.Add(max(expires.Sub(now)*3/4, time.Minute))
}

// credentials returns those of one of a task's roles, nil when it has none.
func (s *session) credentials(id string, t *ecs.Task, kind acs.RoleType, now time.Time) (*acs.IAMRoleCredentials, error) {
	role := t.TaskRole
	if kind == acs.RoleTypeTaskExecution {
		role = t.ExecutionRole
	}
	if role == "" {
		return nil, nil
	}
	name := keyName{id, kind}
	if g := s.keys.given[name]; g != nil && now.Before(g.renew) {
		return &g.credentials, nil
	}
	c, err := s.d.Issuer.TaskCredentials(s.ctx, s.key.scope, ecs.TaskARN(s.key.scope, t.Cluster, id), role, kind)
	if err != nil {
		return nil, fmt.Errorf("issue credentials for %s: %w", role, err)
	}
	if s.keys.given == nil {
		s.keys.given = map[keyName]*given{}
	}
	g := &given{credentials: c, renew: renewal(c, now)}
	s.keys.given[name] = g
	s.keys.soonest = earliest(s.keys.soonest, g.renew)
	return &g.credentials, nil
}

// refreshKeys renews what is due, and repeats renewals that were not acknowledged.
func (s *session) refreshKeys(now time.Time) {
	if s.keys.soonest.IsZero() || now.Before(s.keys.soonest) {
		return
	}
	for name, old := range maps.Clone(s.keys.given) {
		if !now.Before(old.renew) && s.ctx.Err() == nil {
			s.refreshKey(name, old, now)
		}
	}
	s.keys.soonest = time.Time{}
	for _, g := range s.keys.given {
		s.keys.soonest = earliest(s.keys.soonest, g.renew)
	}
}

func (s *session) refreshKey(name keyName, old *given, now time.Time) {
	row, ok := s.d.Tables.Tasks.Get(s.key.scope, name.task)
	if !ok || !row.Value.Status.Live() {
		delete(s.keys.given, name)
		return
	}
	c, err := s.credentials(name.task, row.Value, name.kind, now)
	if err != nil {
		s.log.Error("credentials can't be renewed", "task", name.task, "error", err)
		old.renew = now.Add(patience(old.tries))
		old.tries++
		return
	}
	task := identifier(row)
	m := acs.IAMRoleCredentialsMessage{
		MessageId: uuid.NewString(), TaskArn: task.TaskArn, TaskClusterArn: task.TaskClusterArn,
		RoleType: name.kind, RoleCredentials: c,
	}
	g := s.keys.given[name]
	g.message, g.tries, g.renew = m.MessageId, old.tries+1, now.Add(patience(old.tries))
	s.send(m)
}
