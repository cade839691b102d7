package acm

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/acm"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// maxTags is how many tags a certificate has at most.
const maxTags = 50

// DeleteCertificate deletes a certificate that no load balancer has.
func (s *Service) DeleteCertificate(ctx context.Context, in *api.DeleteCertificateRequest) (*schema.Empty, error) {
	scope := scopeOf(ctx)
	id, err := idOf(scope, in.CertificateArn)
	if err != nil {
		return nil, err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if _, ok := s.certificates.GetTx(tx, scope, id); ok && s.users.Used(tx, scope, in.CertificateArn) {
			return wire.Errorf(api.ResourceInUseException, "Certificate %s in account %s is in use.", in.CertificateArn, scope.Account)
		}
		return s.certificates.Delete(tx, scope, id)
	})
	if err == nil {
		s.forget(in.CertificateArn)
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, notFound(in.CertificateArn)
	}
	return nil, answer(err)
}

// UpdateCertificateOptions changes the options of a certificate that was requested.
func (s *Service) UpdateCertificateOptions(ctx context.Context, in *api.UpdateCertificateOptionsRequest) (*schema.Empty, error) {
	return nil, s.change(ctx, in.CertificateArn, func(c *certificate) error {
		if !c.requested() {
			return wire.Errorf(api.InvalidStateException, "The certificate %s was imported: it has no options.", in.CertificateArn)
		}
		c.setOptions(in.Options)
		return nil
	})
}

// setOptions takes over the options that are given.
func (c *certificate) setOptions(o *api.CertificateOptions) {
	if o == nil {
		return
	}
	if o.CertificateTransparencyLoggingPreference != "" {
		c.Unlogged = o.CertificateTransparencyLoggingPreference == api.CertificateTransparencyLoggingPreferenceDisabled
	}
	if o.Export != "" {
		c.Exportable = o.Export == api.CertificateExportEnabled
	}
}

// merge is tags with others over them.
func merge(tags map[string]string, more []api.Tag) (map[string]string, error) {
	all := maps.Clone(tags)
	if all == nil {
		all = map[string]string{}
	}
	for _, t := range more {
		if strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
			return nil, wire.Errorf(api.InvalidTagException, "The tag key %s begins with aws:, which is reserved.", t.Key)
		}
		all[t.Key] = t.Value
	}
	if len(all) > maxTags {
		return nil, errTooMany
	}
	return all, nil
}

// AddTagsToCertificate adds tags, or replaces their values.
func (s *Service) AddTagsToCertificate(ctx context.Context, in *api.AddTagsToCertificateRequest) (*schema.Empty, error) {
	return nil, s.change(ctx, in.CertificateArn, func(c *certificate) (err error) {
		c.Tags, err = merge(c.Tags, in.Tags)
		return err
	})
}

// RemoveTagsFromCertificate removes tags; one that is given with a value only if it has that.
func (s *Service) RemoveTagsFromCertificate(ctx context.Context, in *api.RemoveTagsFromCertificateRequest) (*schema.Empty, error) {
	return nil, s.change(ctx, in.CertificateArn, func(c *certificate) error {
		left := maps.Clone(c.Tags)
		for _, t := range in.Tags {
			if t.Value == "" || left[t.Key] == t.Value {
				delete(left, t.Key)
			}
		}
		c.Tags = left
		return nil
	})
}

// ListTagsForCertificate lists a certificate's tags, by key.
func (s *Service) ListTagsForCertificate(ctx context.Context, in *api.ListTagsForCertificateRequest) (*api.ListTagsForCertificateResponse, error) {
	row, err := s.find(ctx, in.CertificateArn)
	if err != nil {
		return nil, err
	}
	out := &api.ListTagsForCertificateResponse{Tags: []api.Tag{}}
	for _, key := range slices.Sorted(maps.Keys(row.Value.Tags)) {
		out.Tags = append(out.Tags, api.Tag{Key: key, Value: row.Value.Tags[key]})
	}
	return out, nil
}
