package acm_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"
)

// request asks for a certificate with a small key, and returns its ARN.
func (w *world) request(in *sdk.RequestCertificateInput) string {
	w.Helper()
	if in.KeyAlgorithm == "" {
		in.KeyAlgorithm = types.KeyAlgorithmEcPrime256v1
	}
	return *must(w.sdk.RequestCertificate(w.Context(), in))(w).CertificateArn
}

func (w *world) describe(arn string) *types.CertificateDetail {
	w.Helper()
	return must(w.sdk.DescribeCertificate(w.Context(), &sdk.DescribeCertificateInput{CertificateArn: &arn}))(w).Certificate
}

func TestARequestedCertificateIsIssuedAtOnce(t *testing.T) {
	w := newWorld(t)
	arn := w.request(&sdk.RequestCertificateInput{DomainName: aws.String("shop.example.com"), SubjectAlternativeNames: []string{"*.shop.example.com", "shop.example.com"},
		ValidationMethod: types.ValidationMethodDns, KeyAlgorithm: types.KeyAlgorithmRsa2048})
	waiter := sdk.NewCertificateValidatedWaiter(w.sdk)
	if err := waiter.Wait(t.Context(), &sdk.DescribeCertificateInput{CertificateArn: &arn}, time.Second); err != nil {
		t.Fatal(err)
	}
	d := w.describe(arn)
	got := fmt.Sprint(d.Status, d.Type, *d.DomainName, d.SubjectAlternativeNames, *d.Subject, *d.Issuer, d.KeyAlgorithm, *d.SignatureAlgorithm, d.RenewalEligibility, d.InUseBy,
		d.KeyUsages, *d.ExtendedKeyUsages[0].OID, d.Options.Export, d.NotAfter.Sub(*d.NotBefore))
	want := "ISSUED AMAZON_ISSUED shop.example.com [shop.example.com *.shop.example.com] CN=shop.example.com Berth RSA-2048 SHA256WITHECDSA INELIGIBLE []" +
		" [{DIGITAL_SIGNATURE {}} {KEY_ENCIPHERMENT {}}] 1.3.6.1.5.5.7.3.1 DISABLED 4751h59m59s"
	if strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want, " ", "") {
		t.Errorf("described as\n%s, want\n%s", got, want)
	}
	if len(d.DomainValidationOptions) != 2 {
		t.Fatal(d.DomainValidationOptions)
	}
	apex, wild := d.DomainValidationOptions[0], d.DomainValidationOptions[1]
	if apex.ValidationStatus != types.DomainStatusSuccess || *apex.ResourceRecord.Name != *wild.ResourceRecord.Name || *apex.ResourceRecord.Value != *wild.ResourceRecord.Value ||
		!strings.HasSuffix(*apex.ResourceRecord.Name, ".shop.example.com.") || !strings.HasSuffix(*apex.ResourceRecord.Value, ".acm-validations.aws.") {
		t.Errorf("validated by %+v and %+v", apex.ResourceRecord, wild.ResourceRecord)
	}

	ready := must(w.Certificate(w.scope, arn))(t)
	if _, err := ready.Leaf.Verify(x509.VerifyOptions{Roots: w.pool(), DNSName: "a.shop.example.com"}); err != nil {
		t.Error(err)
	}
	if len(ready.Certificate) != 1 {
		t.Errorf("%d certificates are shown to clients, which have the root", len(ready.Certificate))
	}
	if again := must(w.Certificate(w.scope, arn))(t); again != ready {
		t.Error("the same certificate has another pointer")
	}
	text := must(w.sdk.GetCertificate(t.Context(), &sdk.GetCertificateInput{CertificateArn: &arn}))(t)
	leaf, rest := pem.Decode([]byte(*text.Certificate))
	root, _ := pem.Decode([]byte(*text.CertificateChain))
	if string(leaf.Bytes) != string(ready.Leaf.Raw) || len(rest) > 0 || !must(w.Root())(t).Equal(must(x509.ParseCertificate(root.Bytes))(t)) {
		t.Errorf("got %s\n%s", *text.Certificate, *text.CertificateChain)
	}
}

func TestARequestByEmailShowsWhoWouldBeAsked(t *testing.T) {
	w := newWorld(t)
	arn := w.request(&sdk.RequestCertificateInput{DomainName: aws.String("a.b.example.com"),
		DomainValidationOptions: []types.DomainValidationOption{{DomainName: aws.String("a.b.example.com"), ValidationDomain: aws.String("example.com")}}})
	v := w.describe(arn).DomainValidationOptions[0]
	if got := fmt.Sprint(v.ValidationMethod, *v.ValidationDomain, v.ValidationEmails, v.ResourceRecord == nil); got !=
		"EMAILexample.com[admin@example.com administrator@example.com hostmaster@example.com postmaster@example.com webmaster@example.com] true" {
		t.Error(got)
	}
}

func TestARepeatedRequestChangesNothing(t *testing.T) {
	w := newWorld(t)
	in := &sdk.RequestCertificateInput{DomainName: aws.String("example.com"), IdempotencyToken: aws.String("once")}
	first, second := w.request(in), w.request(in)
	in.SubjectAlternativeNames = []string{"www.example.com"}
	if third := w.request(in); first != second || third == first {
		t.Errorf("%s, %s, and of another request %s", first, second, third)
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	name := aws.String("example.com")
	for _, c := range []struct {
		name       string
		in         sdk.RequestCertificateInput
		code, text string
	}{
		{"no dot", sdk.RequestCertificateInput{DomainName: aws.String("localhost")}, "ValidationException", "'DomainName' failed to satisfy constraint"},
		{"a long first name", sdk.RequestCertificateInput{DomainName: aws.String(strings.Repeat("a", 60) + ".example.com")}, "InvalidParameterException", "longer than 64"},
		{"a key that public certificates don't have", sdk.RequestCertificateInput{DomainName: name, KeyAlgorithm: types.KeyAlgorithmRsa4096}, "InvalidParameterException", "RSA_4096"},
		{"a name that is none of its own", sdk.RequestCertificateInput{DomainName: name, DomainValidationOptions: []types.DomainValidationOption{
			{DomainName: aws.String("example.org"), ValidationDomain: aws.String("example.org")}}}, "InvalidDomainValidationOptionsException", "example.org"},
		{"a validation domain beside it", sdk.RequestCertificateInput{DomainName: name, DomainValidationOptions: []types.DomainValidationOption{
			{DomainName: name, ValidationDomain: aws.String("ample.com")}}}, "InvalidDomainValidationOptionsException", "superdomain"},
		{"a private authority", sdk.RequestCertificateInput{DomainName: name, CertificateAuthorityArn: aws.String("arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/1")}, "ValidationException", "not supported by Berth yet"},
		{"by HTTP", sdk.RequestCertificateInput{DomainName: name, ValidationMethod: types.ValidationMethodHttp}, "ValidationException", "CloudFront"},
		{"a reserved tag", sdk.RequestCertificateInput{DomainName: name, Tags: []types.Tag{{Key: aws.String("aws:x")}}}, "InvalidTagException", "reserved"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := w.sdk.RequestCertificate(t.Context(), &c.in)
			refused(t, err, c.code, c.text)
		})
	}
}

func TestCertificatesThatAreNotThere(t *testing.T) {
	w := newWorld(t)
	arn := w.request(&sdk.RequestCertificateInput{DomainName: aws.String("example.com")})
	for _, c := range []struct{ arn, code, text string }{
		{"arn:aws:acm:eu-west-1:123456789012:certificate/none", "ResourceNotFoundException", "Could not find certificate arn:aws:acm:eu-west-1:123456789012:certificate/none."},
		{strings.Replace(arn, "eu-west-1", "eu-west-2", 1), "ResourceNotFoundException", "Could not find certificate"},
		{"arn:aws:acm:eu-west-1:123456789012:somethingelse", "InvalidArnException", "not that of a certificate"},
	} {
		_, err := w.sdk.DescribeCertificate(t.Context(), &sdk.DescribeCertificateInput{CertificateArn: &c.arn})
		refused(t, err, c.code, c.text)
		_, err = w.sdk.DeleteCertificate(t.Context(), &sdk.DeleteCertificateInput{CertificateArn: &c.arn})
		refused(t, err, c.code, c.text)
		_, err = w.sdk.AddTagsToCertificate(t.Context(), &sdk.AddTagsToCertificateInput{CertificateArn: &c.arn, Tags: []types.Tag{{Key: aws.String("a")}}})
		refused(t, err, c.code, c.text)
	}
	if _, err := w.of("210987654321").DescribeCertificate(t.Context(), &sdk.DescribeCertificateInput{CertificateArn: &arn}); err == nil {
		t.Error("another account sees it")
	}
}
