package elb

import (
	"slices"

	"github.com/berth-dev/berth/internal/store"
)

// CertificateUsers are the ARNs of the load balancers of which a listener has the certificate.
func (s *Service) CertificateUsers(scope store.Scope, certificate string) (arns []string) {
	for row := range s.tables.listeners.Find(scope, byUse, certificate) {
		if arn := arnOf(scope, kindBalancer, row.Value.Balancer); !slices.Contains(arns, arn) {
			arns = append(arns, arn)
		}
	}
	return arns
}
