package elb

import (
	"slices"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// checkCertificate tells whether a listener may have a certificate, as part of the transaction.
func (s *Service) checkCertificate(tx *store.Tx, scope store.Scope, arn string) error {
	if _, err := s.config.Certificates.Certificate(scope, arn); err != nil || !s.config.Certificates.Holds(tx, scope, arn) {
		return wire.Errorf(api.CertificateNotFoundException, "Certificate '%s' not found", arn)
	}
	return nil
}

// CertificateUsed tells whether a listener has the certificate, as the transaction sees it: it commits only if that is still so by then.
func (s *Service) CertificateUsed(tx *store.Tx, scope store.Scope, certificate string) bool {
	return len(s.tables.listeners.FindTx(tx, scope, byUse, certificate)) > 0
}

// CertificateUsers are the ARNs of the load balancers of which a listener has the certificate.
func (s *Service) CertificateUsers(scope store.Scope, certificate string) (arns []string) {
	for row := range s.tables.listeners.Find(scope, byUse, certificate) {
		if arn := arnOf(scope, kindBalancer, row.Value.Balancer); !slices.Contains(arns, arn) {
			arns = append(arns, arn)
		}
	}
	return arns
}
