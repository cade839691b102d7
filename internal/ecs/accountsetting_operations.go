package ecs

import (
	"context"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// PutAccountSetting sets something for the caller, or for the principal that is named.
func (s *Service) PutAccountSetting(ctx context.Context, r *api.PutAccountSettingRequest) (*api.PutAccountSettingResponse, error) {
	principal, err := principalOf(ctx, r.PrincipalArn)
	if err != nil {
		return nil, err
	}
	put, err := s.putSetting(ctx, AccountSetting{principal, r.Name, r.Value})
	if err != nil {
		return nil, err
	}
	return &api.PutAccountSettingResponse{Setting: put}, nil
}

// PutAccountSettingDefault sets something for all principals that have not set it for themselves.
func (s *Service) PutAccountSettingDefault(ctx context.Context, r *api.PutAccountSettingDefaultRequest) (*api.PutAccountSettingDefaultResponse, error) {
	put, err := s.putSetting(ctx, AccountSetting{rootARN(scopeOf(ctx)), r.Name, r.Value})
	if err != nil {
		return nil, err
	}
	return &api.PutAccountSettingDefaultResponse{Setting: put}, nil
}

func (s *Service) putSetting(ctx context.Context, a AccountSetting) (*api.Setting, error) {
	known, err := settingNamed(a.Name)
	if err != nil {
		return nil, err
	}
	if err := known.validate(a.Value); err != nil {
		return nil, err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		return s.AccountSettings.Put(tx, scopeOf(ctx), settingID(a.Principal, a.Name), &a)
	})
	if err != nil {
		return nil, err
	}
	return new(describeSetting(a)), nil
}

// DeleteAccountSetting takes a principal's setting away, so that the account's default holds for it, and returns it.
func (s *Service) DeleteAccountSetting(ctx context.Context, r *api.DeleteAccountSettingRequest) (*api.DeleteAccountSettingResponse, error) {
	principal, err := principalOf(ctx, r.PrincipalArn)
	if err != nil {
		return nil, err
	}
	scope := scopeOf(ctx)
	deleted, _ := s.settingOf(scope, principal, r.Name)
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		id := settingID(principal, r.Name)
		if old, ok := s.AccountSettings.GetTx(tx, scope, id); ok {
			deleted = *old
			return s.AccountSettings.Delete(tx, scope, id)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	deleted.Principal = principal
	return &api.DeleteAccountSettingResponse{Setting: new(describeSetting(deleted))}, nil
}

// maxSettings is the most, and by default the number, of settings on a page.
const maxSettings = 10

// ListAccountSettings lists what a principal has set; of the effective settings, everything with what holds for it.
func (s *Service) ListAccountSettings(ctx context.Context, r *api.ListAccountSettingsRequest) (*api.ListAccountSettingsResponse, error) {
	principal, err := principalOf(ctx, r.PrincipalArn)
	if err != nil {
		return nil, err
	}
	if r.Value != "" && r.Name == "" {
		return nil, invalidParameter("You must specify an account setting name to filter by value.")
	}
	var most *int32
	if r.MaxResults != 0 {
		most = &r.MaxResults
	}
	effective := "set"
	if r.EffectiveSettings {
		effective = "effective"
	}
	p, err := pagingUpTo(maxSettings, r.NextToken, most, "settings", principal, effective, string(r.Name), r.Value)
	if err != nil {
		return nil, err
	}
	scope := scopeOf(ctx)
	out := &api.ListAccountSettingsResponse{Settings: []api.Setting{}}
	for _, known := range settings {
		if string(known.name) <= p.after || r.Name != "" && known.name != r.Name {
			continue
		}
		a, put := s.settingOf(scope, principal, known.name)
		own := put && a.Principal == principal
		if !r.EffectiveSettings && !own || r.Value != "" && a.Value != r.Value {
			continue
		}
		if n := len(out.Settings); n == p.limit {
			out.NextToken = wire.NextToken(string(out.Settings[n-1].Name), p.listing...)
			break
		}
		out.Settings = append(out.Settings, describeSetting(a))
	}
	return out, nil
}
