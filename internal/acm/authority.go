package acm

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"

	api "github.com/berth-dev/berth/api/acm"
	"github.com/berth-dev/berth/internal/store"
)

// authority is the certificate authority of this Berth as it is stored. There is one, for all accounts and regions: whoever trusts
// it, trusts this Berth.
type authority struct {
	Root []byte `json:"root"` // DER
	Key  []byte `json:"key"`  // PKCS #8, sealed
}

const (
	authorityID    = "root"
	authorityAbout = "acm authority"
	authorityYears = 10
	// validity is how long a certificate is good for, in days: as long as Amazon's.
	validity = 198
)

// signer is the authority with its key opened.
type signer struct {
	root *x509.Certificate
	key  crypto.Signer
}

// Start sees that there is an authority whose key opens and that lasts longer than what it issues, and makes one otherwise. The
// DB has started, and the sealer's key is kept. Of servers that start at once on one state, one makes it.
func (s *Service) Start(ctx context.Context) error {
	seen, _ := s.authorities.Get(store.Scope{}, authorityID)
	current, err := s.signer()
	switch {
	case err == nil && current.root.NotAfter.After(s.now().AddDate(0, 0, validity)):
		return nil
	case err != nil && s.authorities.Len(store.Scope{}) > 0:
		s.log.Warn("the certificate authority is made anew: trust its root again (`berth ca`)", "error", err)
	case err == nil:
		s.log.Warn("the certificate authority ends soon and is made anew: trust its root again (`berth ca`)", "end", current.root.NotAfter)
	}
	made, err := s.newAuthority()
	if err != nil {
		return fmt.Errorf("make the certificate authority: %w", err)
	}
	overtaken := false
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		now, ok := s.authorities.GetTx(tx, store.Scope{}, authorityID)
		if overtaken = ok && (seen.Value == nil || !bytes.Equal(now.Root, seen.Value.Root)); overtaken {
			return nil
		}
		return s.authorities.Put(tx, store.Scope{}, authorityID, made)
	})
	if err == nil && overtaken {
		return s.Start(ctx) // what the other has made may not open here
	}
	return err
}

func (s *Service) newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	sum, begin := sha256.Sum256(public), s.now().UTC().Truncate(24*time.Hour)
	root := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{Organization: []string{"Berth"}, CommonName: fmt.Sprintf("Berth Root CA %X", sum[:4])}, // several may be trusted at one time
		NotBefore:    begin, NotAfter: begin.AddDate(authorityYears, 0, 0),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
		SubjectKeyId: sum[:20],
	}
	der, err := x509.CreateCertificate(rand.Reader, root, root, key.Public(), key)
	if err != nil {
		return nil, err
	}
	sealed, err := s.sealKey(key, authorityAbout)
	return &authority{Root: der, Key: sealed}, err
}

func newSerial() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
}

func (s *Service) sealKey(key crypto.Signer, about string) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return s.key.Seal(der, about)
}

func (s *Service) openKey(sealed []byte, about string) (crypto.Signer, error) {
	der, err := s.key.Open(sealed, about)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	signs, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a %T does not sign", key)
	}
	return signs, nil
}

// signer opens the authority.
func (s *Service) signer() (*signer, error) {
	root, err := s.Root()
	if err != nil {
		return nil, err
	}
	row, _ := s.authorities.Get(store.Scope{}, authorityID)
	key, err := s.openKey(row.Value.Key, authorityAbout)
	if err != nil {
		return nil, fmt.Errorf("the key of the certificate authority does not open: %w", err)
	}
	return &signer{root, key}, nil
}

// Root is the authority's own certificate: who trusts it trusts all that this Berth issues.
func (s *Service) Root() (*x509.Certificate, error) {
	row, ok := s.authorities.Get(store.Scope{}, authorityID)
	if !ok {
		return nil, fmt.Errorf("there is no certificate authority")
	}
	return x509.ParseCertificate(row.Value.Root)
}

// issue makes a key and a certificate for names, the first of which is its subject.
func (a *signer) issue(names []string, algorithm api.KeyAlgorithm, now time.Time) (leaf []byte, key crypto.Signer, err error) {
	usage := x509.KeyUsageDigitalSignature
	switch algorithm {
	case api.KeyAlgorithmEcPrime256v1:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case api.KeyAlgorithmEcSecp384r1:
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	default:
		usage |= x509.KeyUsageKeyEncipherment
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		return nil, nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, nil, err
	}
	begin := now.UTC().Truncate(24 * time.Hour)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: begin, NotAfter: begin.AddDate(0, 0, validity).Add(-time.Second),
		KeyUsage: usage, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	leaf, err = x509.CreateCertificate(rand.Reader, template, a.root, key.Public(), a.key)
	return leaf, key, err
}
