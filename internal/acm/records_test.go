package acm

import (
	"crypto/x509"
	"errors"
	"testing"
	"time"

	api "github.com/berth-dev/berth/api/acm"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/store/storetest"
	"github.com/berth-dev/berth/internal/wire"
)

// Every value that this release or an earlier one has stored is read, and written again, without loss.
func TestStoredRecordsAreReadWithoutLoss(t *testing.T) {
	c := storetest.Golden[certificate](t, "testdata/golden/certificate.1.json")
	n, err := read(store.Row[certificate]{Scope: store.Scope{Account: "000000000000", Region: "us-east-1"}, ID: "1", Value: c})
	if err != nil || n.domain() != "shop.example.com" || len(n.names()) != 2 || n.options().Export != api.CertificateExportEnabled || n.Validators["shop.example.com"] != "example.com" {
		t.Errorf("read as %+v, %v", n, err)
	}
	a := storetest.Golden[authority](t, "testdata/golden/authority.1.json")
	root, err := x509.ParseCertificate(a.Root)
	if err != nil || n.leaf.CheckSignatureFrom(root) != nil || len(a.Key) == 0 {
		t.Errorf("the authority is read as %+v, %v", root, err)
	}
}

// FuzzImport unpacks whatever somebody imports. It never panics, and what it takes holds together.
func FuzzImport(f *testing.F) {
	s := &Service{now: time.Now}
	pem := "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
	f.Add([]byte(pem), []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), []byte(pem+pem))
	f.Add([]byte("-----BEGIN"), []byte("-----BEGIN EC PARAMETERS-----\n-----END EC PARAMETERS-----\n"), []byte{})
	f.Fuzz(func(t *testing.T, certificate, key, chain []byte) {
		b, err := s.unpack(&api.ImportCertificateRequest{Certificate: certificate, PrivateKey: key, CertificateChain: chain})
		var answered *wire.Error
		switch {
		case err != nil && !errors.As(err, &answered):
			t.Errorf("not an error of the API: %v", err)
		case err == nil && (b.leaf == nil || b.key == nil || b.algorithm == ""):
			t.Errorf("took %+v", b)
		}
	})
}
