package server

import (
	"crypto/tls"
	"fmt"

	"github.com/berth-dev/berth/internal/elb"
	"github.com/berth-dev/berth/internal/store"
)

// certificates gives load balancers those of Certificate Manager.
type certificates struct{ *Server }

func (c certificates) Certificate(scope store.Scope, arn string) (*tls.Certificate, error) {
	found, err := c.ACM.Certificate(scope, arn)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", elb.ErrNoCertificate, err)
	}
	return found, nil
}

func (c certificates) Holds(tx *store.Tx, scope store.Scope, arn string) bool {
	return c.ACM.Holds(tx, scope, arn)
}

func (c certificates) Watch(told func(scope store.Scope, arn string)) (stop func()) {
	return c.ACM.Watch(told)
}

// InUseBy tells Certificate Manager which load balancers have a certificate.
func (c certificates) InUseBy(scope store.Scope, arn string) []string {
	return c.ELB.CertificateUsers(scope, arn)
}

func (c certificates) Used(tx *store.Tx, scope store.Scope, arn string) bool {
	return c.ELB.CertificateUsed(tx, scope, arn)
}
