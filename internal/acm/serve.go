package acm

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"github.com/berth-dev/berth/internal/store"
)

// opened is a certificate with its key, ready to be used.
type opened struct {
	leaf  []byte // that it was made of
	ready *tls.Certificate
}

// Certificate is a certificate with its chain and its key, for those who take connections. The error is ErrNotFound, or says why the
// key can't be opened. As long as the certificate is the same, so is the pointer; nobody changes what it points to.
func (s *Service) Certificate(scope store.Scope, arn string) (*tls.Certificate, error) {
	id, err := idOf(scope, arn)
	if err != nil {
		return nil, ErrNotFound
	}
	row, ok := s.certificates.Get(scope, id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ok {
		delete(s.opened, arn)
		return nil, ErrNotFound
	}
	if o, ok := s.opened[arn]; ok && bytes.Equal(o.leaf, row.Value.Leaf) {
		return o.ready, nil
	}
	n, err := read(row)
	if err != nil {
		return nil, err
	}
	key, err := s.openKey(row.Value.Key, aboutKey(arn))
	if err != nil {
		return nil, fmt.Errorf("the private key of %s does not open: %w", arn, err)
	}
	ready := &tls.Certificate{Certificate: [][]byte{row.Value.Leaf}, PrivateKey: key, Leaf: n.leaf}
	for _, der := range row.Value.Chain {
		if above, err := x509.ParseCertificate(der); err == nil && bytes.Equal(above.RawSubject, above.RawIssuer) {
			break // who trusts a root has it
		}
		ready.Certificate = append(ready.Certificate, der)
	}
	s.opened[arn] = opened{row.Value.Leaf, ready}
	return ready, nil
}

// Holds tells whether there is a certificate, as the transaction sees it: it commits only if the certificate is still there by then.
func (s *Service) Holds(tx *store.Tx, scope store.Scope, arn string) bool {
	id, err := idOf(scope, arn)
	if err != nil {
		return false
	}
	_, ok := s.certificates.GetTx(tx, scope, id)
	return ok
}

// forget lets go of an opened key.
func (s *Service) forget(arn string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.opened, arn)
}

// Watch calls told with the ARN of each certificate that is issued, replaced, renewed or deleted, until stop is called; stop waits for a
// call that is under way.
func (s *Service) Watch(told func(scope store.Scope, arn string)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	_, events := s.certificates.Watch(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e := range events {
			switch {
			case e.New == nil:
				told(e.Old.Scope, arnOf(e.Old.Scope, e.Old.ID))
			case e.Old == nil || !bytes.Equal(e.Old.Value.Leaf, e.New.Value.Leaf):
				told(e.New.Scope, arnOf(e.New.Scope, e.New.ID))
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
