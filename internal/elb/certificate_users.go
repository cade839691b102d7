package elb

import (
	"slices"

	"github.com/berth-dev/berth/internal/store"
)

// CertificateUsers are the ARNs of the load balancers of which a listener has the certificate.
func (s *Service) CertificateUsers(scope store.Scope, certificate string) (arns []string) {
	rows, _ := s.tables.listeners.List(scope, store.Page{})
	for _, row := range rows {
		arn := arnOf(scope, kindBalancer, row.Value.Balancer)
		if slices.Contains(row.Value.Certificates, certificate) && !slices.Contains(arns, arn) {
			arns = append(arns, arn)
		}
	}
	return arns
}
