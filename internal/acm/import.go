package acm

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"strings"

	"github.com/google/uuid"

	api "github.com/berth-dev/berth/api/acm"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// maxChain is how many bytes the certificates of an imported chain may have together.
const maxChain = 512 << 10

// ImportCertificate keeps a certificate that others have issued; with an ARN it takes the place of one that was imported before.
func (s *Service) ImportCertificate(ctx context.Context, in *api.ImportCertificateRequest) (*api.ImportCertificateResponse, error) {
	b, err := s.unpack(in)
	if err != nil {
		return nil, err
	}
	tags, err := merge(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	scope, arn, id := scopeOf(ctx), in.CertificateArn, uuid.NewString()
	if arn != "" {
		if id, err = idOf(scope, arn); err != nil {
			return nil, err
		}
	}
	sealed, err := s.sealKey(b.key, aboutKey(arnOf(scope, id)))
	if err != nil {
		return nil, err
	}
	now := s.now().UTC()
	made := &certificate{Type: api.CertificateTypeImported, Created: now, Issued: now, Leaf: b.leaf.Raw, Chain: b.chain, Key: sealed, Tags: tags}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if arn == "" {
			return s.certificates.Create(tx, scope, id, made)
		}
		old, ok := s.certificates.GetTx(tx, scope, id)
		if !ok {
			return notFound(arn)
		}
		if err := b.replaces(old, in); err != nil {
			return err
		}
		replaced := *made
		replaced.Created, replaced.Tags = old.Created, old.Tags
		return s.certificates.Put(tx, scope, id, &replaced)
	})
	if err != nil {
		return nil, answer(err)
	}
	return &api.ImportCertificateResponse{CertificateArn: arnOf(scope, id)}, nil
}

// bundle is what an import brings.
type bundle struct {
	leaf      *x509.Certificate
	chain     [][]byte
	key       crypto.Signer
	algorithm api.KeyAlgorithm
}

// unpack reads an import and sees that its parts belong together.
func (s *Service) unpack(in *api.ImportCertificateRequest) (*bundle, error) {
	leaves, err := parseCertificates(in.Certificate)
	switch {
	case err != nil || len(leaves) == 0:
		return nil, errUnparsed
	case len(leaves) > 1:
		return nil, errSeveral
	}
	b := &bundle{leaf: leaves[0]}
	var ok bool
	if b.algorithm, ok = keyAlgorithm(b.leaf.PublicKey); !ok {
		return nil, errKeyLength
	}
	switch now := s.now(); {
	case now.After(b.leaf.NotAfter):
		return nil, invalid("The certificate has expired, is not valid.")
	case now.Before(b.leaf.NotBefore):
		return nil, invalid("The certificate is not in effect yet, is not valid.")
	}
	if b.key, err = parseKey(in.PrivateKey); err != nil {
		return nil, err
	}
	if public, ok := b.key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(b.leaf.PublicKey) {
		return nil, errOtherKey
	}
	chain, err := parseCertificates(in.CertificateChain)
	if err != nil || len(chain) == 0 && len(in.CertificateChain) > 0 {
		return nil, errUnparsed
	}
	size := 0
	for i, above := range chain {
		below := b.leaf
		if i > 0 {
			below = chain[i-1]
		}
		if below.CheckSignatureFrom(above) != nil {
			return nil, brokenChain(i)
		}
		b.chain, size = append(b.chain, above.Raw), size+len(above.Raw)
	}
	if size > maxChain {
		return nil, wire.Errorf(api.LimitExceededException, "The certificate chain is too long: its certificates have %d bytes, and may have %d.", size, maxChain)
	}
	return b, nil
}

// replaces says whether the bundle may take the place of a certificate.
func (b *bundle) replaces(old *certificate, in *api.ImportCertificateRequest) error {
	leaf, err := x509.ParseCertificate(old.Leaf)
	if err != nil {
		return err
	}
	was, _ := keyAlgorithm(leaf.PublicKey)
	switch {
	case old.requested():
		return invalid("The certificate %s was not imported: it can't be replaced by an import.", in.CertificateArn)
	case len(in.Tags) > 0:
		return errRetagged
	case was != b.algorithm:
		return invalid("The key algorithm and size can't be changed by a re-import: the certificate has %s.", was)
	case leaf.KeyUsage != 0 && leaf.KeyUsage&^b.leaf.KeyUsage != 0:
		return invalid("A re-import can't remove key usages that the certificate has.")
	case len(leaf.DNSNames) > 0 && len(b.leaf.DNSNames) == 0:
		return invalid("A re-import can't remove all domain names.")
	}
	return nil
}

// parseCertificates reads PEM that holds certificates and nothing else.
func parseCertificates(text []byte) (all []*x509.Certificate, err error) {
	for len(bytes.TrimSpace(text)) > 0 {
		block, rest := pem.Decode(text)
		if block == nil || block.Type != "CERTIFICATE" {
			return nil, errUnparsed
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errUnparsed
		}
		all, text = append(all, c), rest
	}
	return all, nil
}

// parseKey reads a private key in PEM: PKCS #1, PKCS #8 or SEC 1.
func parseKey(text []byte) (crypto.Signer, error) {
	block, rest := pem.Decode(text)
	if block != nil && block.Type == "EC PARAMETERS" { // openssl writes it before the key
		block, rest = pem.Decode(rest)
	}
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errKey
	}
	var key any
	var err error
	switch {
	case block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
		return nil, errEncrypted
	case block.Type == "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case block.Type == "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case block.Type == "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, errKey
	}
	signs, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return nil, errKey
	}
	if _, ok := keyAlgorithm(signs.Public()); !ok {
		return nil, errKeyLength
	}
	return signs, nil
}
