package acm

import (
	"bytes"
	"context"
	"errors"
	"time"

	api "github.com/berth-dev/berth/api/acm"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/store"
)

const (
	// renewBefore is how many days before its end a certificate is renewed.
	renewBefore = 45
	// renewEvery is how often it is looked for certificates whose end is near.
	renewEvery = time.Hour
)

// Run renews certificates before they end, until ctx does.
func (s *Service) Run(ctx context.Context) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		if err := s.RenewDue(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("certificates could not be renewed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// RenewDue renews the certificates whose end is near or past, of those that are eligible: requested here, and in use or exported.
func (s *Service) RenewDue(ctx context.Context) error {
	var errs []error
	for row := range s.certificates.All() {
		if !row.Value.requested() {
			continue
		}
		n, err := read(row)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		inUse := len(s.users.InUseBy(n.scope, n.arn())) > 0
		if n.eligibility(inUse) == api.RenewalEligibilityEligible && s.now().AddDate(0, 0, renewBefore).After(n.leaf.NotAfter) {
			errs = append(errs, s.renew(ctx, row))
		}
	}
	return errors.Join(errs...)
}

// renew issues a certificate again, with another key, unless somebody has meanwhile.
func (s *Service) renew(ctx context.Context, row store.Row[certificate]) error {
	again := *row.Value
	if err := s.fill(&again, arnOf(row.Scope, row.ID)); err != nil {
		return err
	}
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		return s.certificates.Modify(tx, row.Scope, row.ID, func(c *certificate) error {
			if bytes.Equal(c.Leaf, row.Value.Leaf) {
				c.Leaf, c.Chain, c.Key, c.Issued, c.Renewed = again.Leaf, again.Chain, again.Key, again.Issued, again.Issued
			}
			return nil
		})
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// RenewCertificate renews a certificate now, if it is one that is renewed.
func (s *Service) RenewCertificate(ctx context.Context, in *api.RenewCertificateRequest) (*schema.Empty, error) {
	row, err := s.find(ctx, in.CertificateArn)
	if err != nil {
		return nil, err
	}
	inUse := len(s.users.InUseBy(row.Scope, in.CertificateArn)) > 0
	if !row.Value.Exportable && row.Value.eligibility(inUse) != api.RenewalEligibilityEligible {
		return nil, invalid("The certificate %s is not eligible for renewal: it was imported, or nothing uses it and it was not exported.", in.CertificateArn)
	}
	return nil, answer(s.renew(ctx, row))
}
