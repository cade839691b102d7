package acm_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/youmark/pkcs8"

	"github.com/berth-dev/berth/internal/acm"
	"github.com/berth-dev/berth/internal/store"
)

func pkcs1(key crypto.Signer) []byte { return x509.MarshalPKCS1PrivateKey(key.(*rsa.PrivateKey)) }

func sec1(t *testing.T, key crypto.Signer) []byte {
	return must(x509.MarshalECPrivateKey(key.(*ecdsa.PrivateKey)))(t)
}

func TestACertificateInUseIsRenewedAndNotDeleted(t *testing.T) {
	w := newWorld(t)
	used, idle := w.request(&sdk.RequestCertificateInput{DomainName: aws.String("used.example.com")}), w.request(&sdk.RequestCertificateInput{DomainName: aws.String("idle.example.com")})
	w.use(used, "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/web/1")
	first := must(w.Certificate(w.scope, used))(t)
	told := make(chan string, 9)
	stop := w.Watch(func(_ store.Scope, arn string) { told <- arn })
	defer stop()
	if d := w.describe(used); d.RenewalEligibility != types.RenewalEligibilityEligible || len(d.InUseBy) != 1 {
		t.Errorf("in use it is %s, %v", d.RenewalEligibility, d.InUseBy)
	}
	_, err := w.sdk.DeleteCertificate(t.Context(), &sdk.DeleteCertificateInput{CertificateArn: &used})
	refused(t, err, "ResourceInUseException", fmt.Sprintf("Certificate %s in account 123456789012 is in use.", used))

	w.pass(150)
	if err := w.RenewDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	if must(w.Certificate(w.scope, used))(t) != first {
		t.Error("it was renewed too early")
	}
	w.pass(10)
	if err := w.RenewDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := must(w.Certificate(w.scope, used))(t)
	if second == first || second.Leaf.NotAfter.Before(first.Leaf.NotAfter.Add(100*24*time.Hour)) {
		t.Error("it was not renewed")
	}
	if d := w.describe(used); d.RenewalSummary == nil || d.RenewalSummary.RenewalStatus != types.RenewalStatusSuccess {
		t.Errorf("its renewal is %+v", d.RenewalSummary)
	}
	if arn := <-told; arn != used {
		t.Errorf("told of %s", arn)
	}
	w.pass(50)
	if d := w.describe(idle); d.Status != types.CertificateStatusExpired {
		t.Errorf("the idle one is %s after its end", d.Status)
	}
	_, err = w.sdk.RenewCertificate(t.Context(), &sdk.RenewCertificateInput{CertificateArn: &idle})
	refused(t, err, "ValidationException", "not eligible")
	w.use(used)
	must(w.sdk.DeleteCertificate(t.Context(), &sdk.DeleteCertificateInput{CertificateArn: &used}))(t)
	if _, err := w.Certificate(w.scope, used); !errors.Is(err, acm.ErrNotFound) {
		t.Errorf("after its deletion: %v", err)
	}
	if arn := <-told; arn != used {
		t.Errorf("told of %s", arn)
	}
}

func TestExport(t *testing.T) {
	w := newWorld(t)
	arn := w.request(&sdk.RequestCertificateInput{DomainName: aws.String("example.com")})
	in := &sdk.ExportCertificateInput{CertificateArn: &arn, Passphrase: []byte("open sesame")}
	_, err := w.sdk.ExportCertificate(t.Context(), in)
	refused(t, err, "ValidationException", "can't be exported")
	must(w.sdk.UpdateCertificateOptions(t.Context(), &sdk.UpdateCertificateOptionsInput{CertificateArn: &arn, Options: &types.CertificateOptions{Export: types.CertificateExportEnabled}}))(t)
	_, err = w.of("task"+account).ExportCertificate(t.Context(), in)
	refused(t, err, "AccessDeniedException", "not authorized to perform: acm:ExportCertificate")
	out := must(w.sdk.ExportCertificate(t.Context(), in))(t)
	block, _ := pem.Decode([]byte(*out.PrivateKey))
	key := must(pkcs8.ParsePKCS8PrivateKeyECDSA(block.Bytes, in.Passphrase))(t)
	if leaf := must(w.Certificate(w.scope, arn))(t).Leaf; !key.PublicKey.Equal(leaf.PublicKey) {
		t.Error("the key is another's")
	}
	if d := w.describe(arn); d.RenewalEligibility != types.RenewalEligibilityEligible {
		t.Errorf("exported it is %s", d.RenewalEligibility)
	}
	must(w.sdk.RenewCertificate(t.Context(), &sdk.RenewCertificateInput{CertificateArn: &arn}))(t)
	if leaf := must(w.Certificate(w.scope, arn))(t).Leaf; key.PublicKey.Equal(leaf.PublicKey) {
		t.Error("a renewed certificate has its old key")
	}
}

func TestListing(t *testing.T) {
	w := newWorld(t)
	var ec []string
	for i := range 3 {
		ec = append(ec, w.request(&sdk.RequestCertificateInput{DomainName: aws.String(fmt.Sprintf("n%d.example.com", i))}))
		w.offset.Add(int64(time.Second))
	}
	leaf := draw(t, rsaKey(t, 2048), nil, asIs)
	imported := *must(w.sdk.ImportCertificate(t.Context(), &sdk.ImportCertificateInput{Certificate: pemOf(leaf), PrivateKey: keyPEM(t, leaf.key)}))(t).CertificateArn
	list := func(in *sdk.ListCertificatesInput) (arns []string) {
		t.Helper()
		pages := sdk.NewListCertificatesPaginator(w.sdk, in)
		for pages.HasMorePages() {
			for _, c := range must(pages.NextPage(t.Context()))(t).CertificateSummaryList {
				arns = append(arns, *c.CertificateArn)
			}
		}
		return arns
	}
	ecKeys := &types.Filters{KeyTypes: []types.KeyAlgorithm{types.KeyAlgorithmEcPrime256v1}}
	for name, c := range map[string]struct {
		in   sdk.ListCertificatesInput
		want []string
	}{
		"without filters only RSA":      {sdk.ListCertificatesInput{}, []string{imported}},
		"by creation, a page each":      {sdk.ListCertificatesInput{Includes: ecKeys, MaxItems: aws.Int32(1), SortBy: types.SortByCreatedAt, SortOrder: types.SortOrderAscending}, ec},
		"by creation, the other way":    {sdk.ListCertificatesInput{Includes: ecKeys, MaxItems: aws.Int32(2), SortBy: types.SortByCreatedAt, SortOrder: types.SortOrderDescending}, []string{ec[2], ec[1], ec[0]}},
		"by status":                     {sdk.ListCertificatesInput{CertificateStatuses: []types.CertificateStatus{types.CertificateStatusExpired}}, nil},
		"by a usage that it has":        {sdk.ListCertificatesInput{Includes: &types.Filters{KeyUsage: []types.KeyUsageName{types.KeyUsageNameDigitalSignature}}}, []string{imported}},
		"by a usage that it lacks":      {sdk.ListCertificatesInput{Includes: &types.Filters{KeyUsage: []types.KeyUsageName{types.KeyUsageNameCrlSigning}}}, nil},
		"by a purpose":                  {sdk.ListCertificatesInput{Includes: &types.Filters{ExtendedKeyUsage: []types.ExtendedKeyUsageName{types.ExtendedKeyUsageNameCodeSigning}}}, nil},
		"of CloudFront, which has none": {sdk.ListCertificatesInput{Includes: &types.Filters{ManagedBy: types.CertificateManagedByCloudfront}}, nil},
	} {
		if got := list(&c.in); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	_, err := w.sdk.ListCertificates(t.Context(), &sdk.ListCertificatesInput{SortBy: types.SortByCreatedAt})
	refused(t, err, "ValidationException", "SortOrder")
	_, err = w.sdk.ListCertificates(t.Context(), &sdk.ListCertificatesInput{NextToken: aws.String("x")})
	refused(t, err, "ValidationException", "NextToken")
}

func TestTags(t *testing.T) {
	w := newWorld(t)
	arn := w.request(&sdk.RequestCertificateInput{DomainName: aws.String("example.com"), Tags: []types.Tag{{Key: aws.String("b"), Value: aws.String("1")}}})
	tags := func() (text string) {
		for _, tag := range must(w.sdk.ListTagsForCertificate(t.Context(), &sdk.ListTagsForCertificateInput{CertificateArn: &arn}))(t).Tags {
			text += *tag.Key + "=" + aws.ToString(tag.Value) + " "
		}
		return text
	}
	must(w.sdk.AddTagsToCertificate(t.Context(), &sdk.AddTagsToCertificateInput{CertificateArn: &arn, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("2")}, {Key: aws.String("b"), Value: aws.String("3")}}}))(t)
	if got := tags(); got != "a=2 b=3 " {
		t.Error(got)
	}
	must(w.sdk.RemoveTagsFromCertificate(t.Context(), &sdk.RemoveTagsFromCertificateInput{CertificateArn: &arn, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("other")}, {Key: aws.String("b")}}}))(t)
	if got := tags(); got != "a=2 " {
		t.Error(got)
	}
	var many []types.Tag
	for i := range 50 {
		many = append(many, types.Tag{Key: aws.String(fmt.Sprint(i))})
	}
	_, err := w.sdk.AddTagsToCertificate(t.Context(), &sdk.AddTagsToCertificateInput{CertificateArn: &arn, Tags: many})
	refused(t, err, "TooManyTagsException", "50")
}

func TestTheAuthorityStaysAndTheStoreTellsNoKey(t *testing.T) {
	w := newWorld(t)
	root := must(w.Root())(t)
	if err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again := must(w.Root())(t); !again.Equal(root) {
		t.Error("a second start made another authority")
	}
	leaf := draw(t, ecKey(t), nil, asIs)
	must(w.sdk.ImportCertificate(t.Context(), &sdk.ImportCertificateInput{Certificate: pemOf(leaf), PrivateKey: keyPEM(t, leaf.key)}))(t)
	secret := must(leaf.key.(*ecdsa.PrivateKey).Bytes())(t)
	sealed := 0
	for value := range w.Sealed() {
		if sealed++; bytes.Contains(value, secret) {
			t.Error("the key is in the store in plain")
		}
	}
	if sealed != 1 {
		t.Errorf("%d sealed keys", sealed)
	}
	if err := w.db.Clear(t.Context(), acm.AuthorityTable); err != nil {
		t.Fatal(err)
	}
	if again := must(w.Root())(t); !again.Equal(root) {
		t.Error("a reset made another authority")
	}
	w.pass(365*10 - 100)
	if err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again := must(w.Root())(t); again.Equal(root) {
		t.Error("an authority that ends before what it would issue goes on")
	}
}
