package acm

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"time"

	api "github.com/berth-dev/berth/api/acm"
	"github.com/berth-dev/berth/internal/store"
)

// certificate is a certificate as it is stored; its id is the end of its ARN.
type certificate struct {
	Type    api.CertificateType `json:"type"` // IMPORTED or AMAZON_ISSUED
	Created time.Time           `json:"created"`
	Issued  time.Time           `json:"issued"` // or imported, the last time
	Leaf    []byte              `json:"leaf"`   // DER
	Chain   [][]byte            `json:"chain,omitzero"`
	Key     []byte              `json:"key"` // PKCS #8, sealed
	Tags    map[string]string   `json:"tags,omitzero"`

	// Of what was requested.
	Names      []string             `json:"names,omitzero"` // the domain name first
	Method     api.ValidationMethod `json:"method,omitzero"`
	Validators map[string]string    `json:"validators,omitzero"` // validation domains by name, where they differ
	Algorithm  api.KeyAlgorithm     `json:"algorithm,omitzero"`
	Exportable bool                 `json:"exportable,omitzero"`
	Unlogged   bool                 `json:"unlogged,omitzero"` // certificate transparency is not wanted
	Exported   time.Time            `json:"exported,omitzero"` // the last time
	Renewed    time.Time            `json:"renewed,omitzero"`  // the last time
}

func (c *certificate) requested() bool { return c.Type == api.CertificateTypeAmazonIssued }

// named is a certificate with its place, and what is in its leaf.
type named struct {
	*certificate
	scope store.Scope
	id    string
	leaf  *x509.Certificate
}

func (n named) arn() string { return arnOf(n.scope, n.id) }

// read reads what is in a row's leaf.
func read(row store.Row[certificate]) (named, error) {
	leaf, err := x509.ParseCertificate(row.Value.Leaf)
	if err != nil {
		return named{}, fmt.Errorf("certificate %s is damaged in the store: %w", arnOf(row.Scope, row.ID), err)
	}
	return named{row.Value, row.Scope, row.ID, leaf}, nil
}

// domain is the name that the certificate is listed under; an imported one may have none.
func (n named) domain() string {
	switch names := n.names(); {
	case n.requested():
		return n.Names[0]
	case n.leaf.Subject.CommonName != "":
		return n.leaf.Subject.CommonName
	case len(names) > 0:
		return names[0]
	}
	return ""
}

// names are all the names that it is good for.
func (n named) names() []string {
	if n.requested() {
		return n.Names
	}
	names := slices.Clone(n.leaf.DNSNames)
	for _, ip := range n.leaf.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

func (n named) status(now time.Time) api.CertificateStatus {
	if now.After(n.leaf.NotAfter) {
		return api.CertificateStatusExpired
	}
	return api.CertificateStatusIssued
}

// keyAlgorithm names the algorithm and size of a public key; ok is false for those that Certificate Manager does not have.
func keyAlgorithm(public any) (a api.KeyAlgorithm, ok bool) {
	switch key := public.(type) {
	case *rsa.PublicKey:
		a = api.KeyAlgorithm(fmt.Sprintf("RSA_%d", key.N.BitLen()))
	case *ecdsa.PublicKey:
		a = map[string]api.KeyAlgorithm{"P-256": api.KeyAlgorithmEcPrime256v1, "P-384": api.KeyAlgorithmEcSecp384r1,
			"P-521": api.KeyAlgorithmEcSecp521r1}[key.Curve.Params().Name]
	}
	return a, slices.Contains([]api.KeyAlgorithm{api.KeyAlgorithmRsa1024, api.KeyAlgorithmRsa2048, api.KeyAlgorithmRsa3072, api.KeyAlgorithmRsa4096,
		api.KeyAlgorithmEcPrime256v1, api.KeyAlgorithmEcSecp384r1, api.KeyAlgorithmEcSecp521r1}, a)
}

// pemOf writes certificates one after the other.
func pemOf(ders ...[]byte) string {
	var text []byte
	for _, der := range ders {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return string(text)
}
