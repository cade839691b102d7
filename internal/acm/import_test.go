package acm_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"
)

func TestAnImportedCertificate(t *testing.T) {
	w := newWorld(t)
	root := draw(t, ecKey(t), nil, authority("Root"))
	middle := draw(t, ecKey(t), root, authority("Middle"))
	leaf := draw(t, rsaKey(t, 2048), middle, asIs)
	in := &sdk.ImportCertificateInput{Certificate: pemOf(leaf), PrivateKey: keyPEM(t, leaf.key), CertificateChain: pemOf(middle, root), Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}
	arn := *must(w.sdk.ImportCertificate(t.Context(), in))(t).CertificateArn
	d := w.describe(arn)
	if got := fmt.Sprint(d.Status, d.Type, " ", *d.DomainName, d.SubjectAlternativeNames, *d.Issuer, *d.Serial, d.KeyAlgorithm, d.RenewalEligibility, d.IssuedAt == nil, d.ImportedAt != nil, len(d.DomainValidationOptions)); got !=
		"ISSUEDIMPORTED www.example.com[www.example.com example.com]Middle12:67RSA-2048INELIGIBLEtrue true 0" {
		t.Error(got)
	}
	ready := must(w.Certificate(w.scope, arn))(t)
	if len(ready.Certificate) != 2 || string(ready.Certificate[1]) != string(middle.Raw) {
		t.Errorf("clients are shown %d certificates, want the leaf and what is between it and the root", len(ready.Certificate))
	}

	_, err := w.sdk.ImportCertificate(t.Context(), &sdk.ImportCertificateInput{CertificateArn: &arn, Certificate: in.Certificate, PrivateKey: in.PrivateKey, Tags: in.Tags})
	refused(t, err, "InvalidParameterException", "Tagging is not permitted on re-import.")
	other := draw(t, ecKey(t), nil, asIs)
	_, err = w.sdk.ImportCertificate(t.Context(), &sdk.ImportCertificateInput{CertificateArn: &arn, Certificate: pemOf(other), PrivateKey: keyPEM(t, other.key)})
	refused(t, err, "ValidationException", "RSA_2048")
	again := draw(t, rsaKey(t, 2048), nil, func(c *x509.Certificate) { c.DNSNames = []string{"new.example.com"} })
	must(w.sdk.ImportCertificate(t.Context(), &sdk.ImportCertificateInput{CertificateArn: &arn, Certificate: pemOf(again), PrivateKey: keyPEM(t, again.key)}))(t)
	if now := must(w.Certificate(w.scope, arn))(t); !now.Leaf.Equal(again.Certificate) {
		t.Error("the old certificate is still served")
	}
	tags := must(w.sdk.ListTagsForCertificate(t.Context(), &sdk.ListTagsForCertificateInput{CertificateArn: &arn}))(t).Tags
	if len(tags) != 1 || *tags[0].Value != "b" {
		t.Errorf("its tags are %v", tags)
	}
	w.pass(2)
	if d := w.describe(arn); d.Status != types.CertificateStatusExpired {
		t.Errorf("after its end it is %s", d.Status)
	}
	requested := w.request(&sdk.RequestCertificateInput{DomainName: aws.String("example.com")})
	fresh := draw(t, ecKey(t), nil, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(99 * 24 * time.Hour) })
	_, err = w.sdk.ImportCertificate(t.Context(), &sdk.ImportCertificateInput{CertificateArn: &requested, Certificate: pemOf(fresh), PrivateKey: keyPEM(t, fresh.key)})
	refused(t, err, "ValidationException", "was not imported")
}

func TestKeysInEveryForm(t *testing.T) {
	w := newWorld(t)
	small, ec := draw(t, rsaKey(t, 2048), nil, asIs), draw(t, ecKey(t), nil, asIs)
	for name, c := range map[string]struct {
		of  *made
		key []byte
	}{
		"PKCS #8": {small, keyPEM(t, small.key)},
		"PKCS #1": {small, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: pkcs1(small.key)})},
		"SEC 1":   {ec, append([]byte("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1(t, ec.key)})...)},
	} {
		if _, err := w.sdk.ImportCertificate(t.Context(), &sdk.ImportCertificateInput{Certificate: pemOf(c.of), PrivateKey: c.key}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestImportsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	root := draw(t, ecKey(t), nil, authority("Root"))
	leaf, other := draw(t, ecKey(t), root, asIs), draw(t, ecKey(t), nil, asIs)
	key := keyPEM(t, leaf.key)
	odd := draw(t, rsaKey(t, 1536), nil, asIs)
	old := draw(t, leaf.key, nil, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	early := draw(t, leaf.key, nil, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })
	for _, c := range []struct {
		name        string
		certificate []byte
		key         []byte
		chain       []byte
		text        string
	}{
		{"no PEM", []byte("certificate"), key, nil, "Unable to parse certificate"},
		{"no certificate in the PEM", []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), key, nil, "Unable to parse certificate"},
		{"two certificates", pemOf(leaf, root), key, nil, "more than one certificate"},
		{"a chain that is none", pemOf(leaf), key, []byte("\n"), "Unable to parse certificate"},
		{"another's chain", pemOf(leaf), key, pemOf(other), "The index within the chain of the invalid certificate is: 0"},
		{"a chain that goes wrong", pemOf(leaf), key, pemOf(root, other), "The index within the chain of the invalid certificate is: 1"},
		{"another's key", pemOf(leaf), keyPEM(t, other.key), nil, "does not match"},
		{"no key", pemOf(leaf), pemOf(leaf), nil, "The private key is not supported."},
		{"an encrypted key", pemOf(leaf), []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"), nil, "should not be encrypted"},
		{"an encrypted key of old", pemOf(leaf), []byte("-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n"), nil, "should not be encrypted"},
		{"a key of an odd length", pemOf(odd), keyPEM(t, odd.key), nil, "length is not supported"},
		{"past its end", pemOf(old), key, nil, "expired"},
		{"before its beginning", pemOf(early), key, nil, "not in effect yet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := w.sdk.ImportCertificate(t.Context(), &sdk.ImportCertificateInput{Certificate: c.certificate, PrivateKey: c.key, CertificateChain: c.chain})
			refused(t, err, "ValidationException", c.text)
		})
	}
}
