package secretsmanager

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/berth-dev/berth/api/schema"
	api "github.com/berth-dev/berth/api/secretsmanager"
	"github.com/berth-dev/berth/internal/store"
)

// For how many days a deleted secret can be restored.
const (
	minWindow     = 7
	maxWindow     = 30
	defaultWindow = 30
)

// DeleteSecret has a secret gone after its recovery window, or at once.
func (s *Service) DeleteSecret(ctx context.Context, in *api.DeleteSecretRequest) (*api.DeleteSecretResponse, error) {
	force, days := deref(in.ForceDeleteWithoutRecovery), int64(defaultWindow)
	if in.RecoveryWindowInDays != nil {
		days = *in.RecoveryWindowInDays
	}
	switch {
	case force && in.RecoveryWindowInDays != nil:
		return nil, invalidParameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
	case days < minWindow || days > maxWindow:
		return nil, invalidParameter("The RecoveryWindowInDays value must be between %d and %d days (inclusive).", minWindow, maxWindow)
	case force:
		return s.deleteNow(ctx, in.SecretId)
	}
	at := s.now().UTC().Add(time.Duration(days) * 24 * time.Hour)
	n, err := s.change(ctx, in.SecretId, false, func(_ *store.Tx, n named) error {
		n.Deletion = at
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.DeleteSecretResponse{ARN: n.arn(), Name: n.name, DeletionDate: schema.At(at)}, nil
}

// deleteNow removes a secret. One that is not there is removed already.
func (s *Service) deleteNow(ctx context.Context, id string) (*api.DeleteSecretResponse, error) {
	scope, now := scopeOf(ctx), schema.At(s.now())
	name := strings.TrimPrefix(id, arnPrefix(scope))
	out := &api.DeleteSecretResponse{ARN: arnPrefix(scope) + name, Name: name, DeletionDate: now}
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		n, ok := find(scope, id, func(name string) (*secret, bool) { return s.secrets.GetTx(tx, scope, name) })
		if !ok {
			return nil
		}
		out = &api.DeleteSecretResponse{ARN: n.arn(), Name: n.name, DeletionDate: now}
		return s.remove(tx, n)
	})
	return out, answer(err)
}

// remove removes a secret's rows.
func (s *Service) remove(tx *store.Tx, n named) error {
	for id := range n.Versions {
		if err := s.values.Delete(tx, n.scope, n.valueID(id)); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return s.secrets.Delete(tx, n.scope, n.name)
}

// RestoreSecret takes a deletion back.
func (s *Service) RestoreSecret(ctx context.Context, in *api.RestoreSecretRequest) (*api.RestoreSecretResponse, error) {
	n, err := s.change(ctx, in.SecretId, true, func(_ *store.Tx, n named) error {
		n.Deletion = time.Time{}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.RestoreSecretResponse{ARN: n.arn(), Name: n.name}, nil
}

// sweepEvery is how often secrets are removed whose recovery window has ended. They can't be read in any case.
const sweepEvery = 10 * time.Minute

// Run removes secrets whose recovery window has ended, now and then until ctx ends.
func (s *Service) Run(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("deleted secrets could not be removed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Sweep removes the secrets whose recovery window has ended.
func (s *Service) Sweep(ctx context.Context) error {
	var errs []error
	for row := range s.secrets.All() {
		if !row.Value.gone(s.now()) {
			continue
		}
		err := s.db.Update(ctx, func(tx *store.Tx) error {
			v, ok := s.secrets.GetTx(tx, row.Scope, row.ID)
			if !ok || !v.gone(s.now()) {
				return nil
			}
			return s.remove(tx, named{v, row.Scope, row.ID})
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("secret %s: %w", row.ID, err))
		}
	}
	return errors.Join(errs...)
}

// GetResourcePolicy returns the policy of a secret, of which there are none.
func (s *Service) GetResourcePolicy(ctx context.Context, in *api.GetResourcePolicyRequest) (*api.GetResourcePolicyResponse, error) {
	n, err := s.live(ctx, in.SecretId)
	if err != nil {
		return nil, err
	}
	return &api.GetResourcePolicyResponse{ARN: n.arn(), Name: n.name}, nil
}
