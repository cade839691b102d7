package elb

import (
	"context"
	"slices"
	"strconv"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// AddListenerCertificates adds certificates that are chosen by the server name that clients ask for.
func (s *Service) AddListenerCertificates(ctx context.Context, in *api.AddListenerCertificatesInput) (*api.AddListenerCertificatesOutput, error) {
	scope := scopeOf(ctx)
	out := &api.AddListenerCertificatesOutput{}
	_, err := s.listeners().modify(ctx, s, in.ListenerArn, func(tx *store.Tx, l *listener) error {
		if err := l.checkSecure(in.Certificates); err != nil {
			return err
		}
		out.Certificates = []api.Certificate{}
		more := slices.Clone(l.more())
		for _, c := range in.Certificates {
			if err := s.checkCertificate(tx, scope, c.CertificateArn); err != nil {
				return err
			}
			if !slices.Contains(more, c.CertificateArn) {
				more = append(more, c.CertificateArn)
			}
			out.Certificates = append(out.Certificates, api.Certificate{CertificateArn: c.CertificateArn, IsDefault: ptr(false)})
		}
		l.Certificates = append([]string{l.Certificates[0]}, more...)
		if s.moreCertificates(tx, scope, l) > maxCertificates {
			return wire.Errorf(api.TooManyCertificatesException, "The maximum number of certificates per load balancer has been reached: %d", maxCertificates)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// more are the certificates of a listener beside the default one, which may be among them again: that it is the default ends one day.
func (l *listener) more() []string {
	if len(l.Certificates) == 0 {
		return nil
	}
	return l.Certificates[1:]
}

// moreCertificates is how many certificates the load balancer of a listener has beside the default ones.
func (s *Service) moreCertificates(tx *store.Tx, scope store.Scope, changed *listener) (n int) {
	n = len(changed.more())
	for _, row := range s.tables.listeners.FindTx(tx, scope, byBalancer, changed.Balancer) {
		if row.ID != changed.ID {
			n += len(row.Value.more())
		}
	}
	return n
}

func (l *listener) checkSecure(certificates []api.Certificate) error {
	switch {
	case !l.secure():
		return invalid("A certificate cannot be specified for %s listeners", l.Protocol)
	case len(certificates) == 0:
		return invalid("At least one certificate must be specified")
	case slices.ContainsFunc(certificates, func(c api.Certificate) bool { return c.IsDefault != nil }):
		return invalid("You cannot specify whether a certificate is the default one: modify the listener to change its default certificate")
	}
	return nil
}

// RemoveListenerCertificates takes certificates away, but for the default one.
func (s *Service) RemoveListenerCertificates(ctx context.Context, in *api.RemoveListenerCertificatesInput) (*api.RemoveListenerCertificatesOutput, error) {
	_, err := s.listeners().modify(ctx, s, in.ListenerArn, func(_ *store.Tx, l *listener) error {
		if err := l.checkSecure(in.Certificates); err != nil {
			return err
		}
		more := slices.Clone(l.more())
		for _, c := range in.Certificates {
			if c.CertificateArn == l.Certificates[0] && !slices.Contains(l.more(), c.CertificateArn) {
				return wire.Errorf(api.OperationNotPermittedException, "Default certificate '%s' cannot be removed", c.CertificateArn)
			}
			more = slices.DeleteFunc(more, func(arn string) bool { return arn == c.CertificateArn })
		}
		l.Certificates = append([]string{l.Certificates[0]}, more...)
		return nil
	})
	return nil, err
}

// DescribeListenerCertificates lists the certificates of a listener, the default one first.
func (s *Service) DescribeListenerCertificates(ctx context.Context, in *api.DescribeListenerCertificatesInput) (*api.DescribeListenerCertificatesOutput, error) {
	l, err := s.listeners().get(scopeOf(ctx), in.ListenerArn)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeListenerCertificatesOutput{Certificates: []api.Certificate{}}
	for i, arn := range l.Certificates {
		out.Certificates = append(out.Certificates, api.Certificate{CertificateArn: arn, IsDefault: ptr(i == 0)})
	}
	out.Certificates, out.NextMarker, err = page(out.Certificates, func(c api.Certificate) string { return strconv.FormatBool(!*c.IsDefault) + c.CertificateArn }, in.Marker, in.PageSize,
		"DescribeListenerCertificates", in.ListenerArn)
	return out, err
}
