package iam

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// agent is the row of an agent's key; its id is that of the key. It lies in no account's scope, for a request's key is
// looked up before its account is known.
type agent struct {
	Account string    `json:"account"`
	Machine string    `json:"machine"`
	Created time.Time `json:"created"`
}

var everywhere = store.Scope{}

// IssueAgent returns the key of a machine's agent, the same each time until it is revoked.
func (s *Service) IssueAgent(ctx context.Context, machine string) (Key, error) {
	if machine == "" {
		return Key{}, errors.New("an agent's key needs a machine")
	}
	key := s.agentKey(machine)
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		if _, ok := s.agents.GetTx(tx, everywhere, key.ID); ok {
			return nil
		}
		return s.agents.Put(tx, everywhere, key.ID, &agent{Account: s.config.Account, Machine: machine, Created: s.config.Now().UTC()})
	})
	if err != nil {
		return Key{}, fmt.Errorf("issue the key of agent %s: %w", machine, err)
	}
	return key, nil
}

// RevokeAgent ends the key of a machine's agent at once. Revoking one that was never issued succeeds.
func (s *Service) RevokeAgent(ctx context.Context, machine string) error {
	err := s.db.Update(ctx, func(tx *store.Tx) error { return s.agents.Delete(tx, everywhere, s.agentKey(machine).ID) })
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("revoke the key of agent %s: %w", machine, err)
	}
	return nil
}

func (s *Service) agentKey(machine string) Key { return s.config.Keys.named("AKIA", "agent "+machine) }

// agentRole is the role that agents appear under.
const agentRole = "berth-agent"

func (s *Service) lookupAgent(id string) (wire.Credential, error) {
	row, ok := s.agents.Get(everywhere, id)
	if !ok || id == "" {
		return wire.Credential{}, wire.ErrUnknownKey
	}
	a := row.Value
	return wire.Credential{Secret: s.config.Keys.secret(id), Caller: wire.Caller{
		Account:     a.Account,
		AccessKeyID: id,
		ARN:         "arn:aws:sts::" + a.Account + ":assumed-role/" + agentRole + "/" + a.Machine,
		UserID:      s.roleID(agentRole) + ":" + a.Machine,
		Kind:        wire.Agent,
		Machine:     a.Machine,
	}}, nil
}
