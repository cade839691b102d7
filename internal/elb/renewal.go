package elb

import (
	"sync"

	"github.com/berth-dev/berth/internal/store"
)

// renewals are the certificates that have become others.
type renewals struct {
	told chan struct{} // holds one when there are some

	mu  sync.Mutex
	all []certificateKey
}

// certificateKey names a certificate.
type certificateKey struct {
	scope store.Scope
	arn   string
}

// watchCertificates has renewals hear of certificates that become others.
func (r *reconciler) watchCertificates() (stop func()) {
	return r.config.Certificates.Watch(func(scope store.Scope, arn string) {
		r.renewals.mu.Lock()
		r.renewals.all = append(r.renewals.all, certificateKey{scope, arn})
		r.renewals.mu.Unlock()
		select {
		case r.renewals.told <- struct{}{}:
		default:
		}
	})
}

// renew looks at the load balancers whose certificates have become others.
func (r *reconciler) renew() {
	r.renewals.mu.Lock()
	renewed := r.renewals.all
	r.renewals.all = nil
	r.renewals.mu.Unlock()
	for _, key := range renewed {
		for row := range r.tables.listeners.Find(key.scope, byUse, key.arn) {
			r.balancers[place{row.Scope, row.Value.Balancer}] = true
		}
	}
}
