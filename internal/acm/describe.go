package acm

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"strings"

	api "github.com/berth-dev/berth/api/acm"
	"github.com/berth-dev/berth/api/schema"
)

// DescribeCertificate tells all of a certificate but its key.
func (s *Service) DescribeCertificate(ctx context.Context, in *api.DescribeCertificateRequest) (*api.DescribeCertificateResponse, error) {
	row, err := s.find(ctx, in.CertificateArn)
	if err != nil {
		return nil, err
	}
	n, err := read(row)
	if err != nil {
		return nil, err
	}
	return &api.DescribeCertificateResponse{Certificate: s.detail(n)}, nil
}

func (s *Service) detail(n named) *api.CertificateDetail {
	inUse := s.users.InUseBy(n.scope, n.arn())
	algorithm, _ := keyAlgorithm(n.leaf.PublicKey)
	d := &api.CertificateDetail{
		CertificateArn: n.arn(), DomainName: n.domain(), SubjectAlternativeNames: n.names(),
		Serial: serialText(n.leaf), Subject: n.leaf.Subject.String(), Issuer: issuerText(n.leaf.Issuer),
		CreatedAt: schema.At(n.Created), Status: n.status(s.now()), NotBefore: schema.At(n.leaf.NotBefore), NotAfter: schema.At(n.leaf.NotAfter),
		KeyAlgorithm: hyphenated(algorithm), SignatureAlgorithm: signatureText(n.leaf.SignatureAlgorithm), InUseBy: append([]string{}, inUse...), Type: n.Type,
		RenewalEligibility: n.eligibility(len(inUse) > 0), Options: n.options(),
	}
	for _, name := range keyUsages(n.leaf) {
		d.KeyUsages = append(d.KeyUsages, api.KeyUsage{Name: name})
	}
	d.ExtendedKeyUsages = extendedKeyUsages(n.leaf)
	if !n.requested() {
		d.ImportedAt = schema.At(n.Issued)
		return d
	}
	d.IssuedAt = schema.At(n.Issued)
	d.DomainValidationOptions = n.validations()
	if !n.Renewed.IsZero() {
		d.RenewalSummary = &api.RenewalSummary{RenewalStatus: api.RenewalStatusSuccess, DomainValidationOptions: n.validations(), UpdatedAt: schema.At(n.Renewed)}
	}
	return d
}

// eligibility says whether a certificate is renewed before it ends.
func (c *certificate) eligibility(inUse bool) api.RenewalEligibility {
	if c.requested() && (inUse || !c.Exported.IsZero()) {
		return api.RenewalEligibilityEligible
	}
	return api.RenewalEligibilityIneligible
}

func (c *certificate) options() *api.CertificateOptions {
	o := &api.CertificateOptions{CertificateTransparencyLoggingPreference: api.CertificateTransparencyLoggingPreferenceEnabled}
	if c.Unlogged || !c.requested() {
		o.CertificateTransparencyLoggingPreference = api.CertificateTransparencyLoggingPreferenceDisabled
	}
	if !c.requested() {
		return o
	}
	o.Export = api.CertificateExportDisabled
	if c.Exportable {
		o.Export = api.CertificateExportEnabled
	}
	return o
}

// hyphenated is how answers name an algorithm that requests name with an underscore.
func hyphenated(a api.KeyAlgorithm) api.KeyAlgorithm {
	return api.KeyAlgorithm(strings.Replace(string(a), "_", "-", 1))
}

func serialText(c *x509.Certificate) string {
	var parts []string
	for _, b := range c.SerialNumber.Bytes() {
		parts = append(parts, fmt.Sprintf("%02x", b))
	}
	return strings.Join(parts, ":")
}

// issuerText is the issuer's organization, or what else it is called.
func issuerText(name pkix.Name) string {
	switch {
	case len(name.Organization) > 0:
		return name.Organization[0]
	case name.CommonName != "":
		return name.CommonName
	}
	return name.String()
}

var signatures = map[x509.SignatureAlgorithm]string{
	x509.SHA1WithRSA: "SHA1WITHRSA", x509.SHA256WithRSA: "SHA256WITHRSA", x509.SHA384WithRSA: "SHA384WITHRSA", x509.SHA512WithRSA: "SHA512WITHRSA",
	x509.ECDSAWithSHA1: "SHA1WITHECDSA", x509.ECDSAWithSHA256: "SHA256WITHECDSA", x509.ECDSAWithSHA384: "SHA384WITHECDSA", x509.ECDSAWithSHA512: "SHA512WITHECDSA",
}

func signatureText(a x509.SignatureAlgorithm) string {
	if text, ok := signatures[a]; ok {
		return text
	}
	return strings.ToUpper(a.String())
}

func keyUsages(c *x509.Certificate) (names []api.KeyUsageName) {
	for i, name := range []api.KeyUsageName{ // in the order of their bits
		api.KeyUsageNameDigitalSignature, api.KeyUsageNameNonRepudiation, api.KeyUsageNameKeyEncipherment, api.KeyUsageNameDataEncipherment,
		api.KeyUsageNameKeyAgreement, api.KeyUsageNameCertificateSigning, api.KeyUsageNameCrlSigning, api.KeyUsageNameEncipherOnly, api.KeyUsageNameDecipherOnly,
	} {
		if c.KeyUsage&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

var purposes = []struct {
	usage x509.ExtKeyUsage
	name  api.ExtendedKeyUsageName
	oid   string
}{
	{x509.ExtKeyUsageAny, api.ExtendedKeyUsageNameAny, "2.5.29.37.0"},
	{x509.ExtKeyUsageServerAuth, api.ExtendedKeyUsageNameTlsWebServerAuthentication, "1.3.6.1.5.5.7.3.1"},
	{x509.ExtKeyUsageClientAuth, api.ExtendedKeyUsageNameTlsWebClientAuthentication, "1.3.6.1.5.5.7.3.2"},
	{x509.ExtKeyUsageCodeSigning, api.ExtendedKeyUsageNameCodeSigning, "1.3.6.1.5.5.7.3.3"},
	{x509.ExtKeyUsageEmailProtection, api.ExtendedKeyUsageNameEmailProtection, "1.3.6.1.5.5.7.3.4"},
	{x509.ExtKeyUsageIPSECEndSystem, api.ExtendedKeyUsageNameIpsecEndSystem, "1.3.6.1.5.5.7.3.5"},
	{x509.ExtKeyUsageIPSECTunnel, api.ExtendedKeyUsageNameIpsecTunnel, "1.3.6.1.5.5.7.3.6"},
	{x509.ExtKeyUsageIPSECUser, api.ExtendedKeyUsageNameIpsecUser, "1.3.6.1.5.5.7.3.7"},
	{x509.ExtKeyUsageTimeStamping, api.ExtendedKeyUsageNameTimeStamping, "1.3.6.1.5.5.7.3.8"},
	{x509.ExtKeyUsageOCSPSigning, api.ExtendedKeyUsageNameOcspSigning, "1.3.6.1.5.5.7.3.9"},
}

func extendedKeyUsages(c *x509.Certificate) (all []api.ExtendedKeyUsage) {
	for _, usage := range c.ExtKeyUsage {
		for _, p := range purposes {
			if p.usage == usage {
				all = append(all, api.ExtendedKeyUsage{Name: p.name, OID: p.oid})
			}
		}
	}
	for _, oid := range c.UnknownExtKeyUsage {
		all = append(all, api.ExtendedKeyUsage{Name: api.ExtendedKeyUsageNameCustom, OID: asn1.ObjectIdentifier(oid).String()})
	}
	return all
}
