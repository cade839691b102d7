package acm

import (
	"context"
	"encoding/pem"

	"github.com/youmark/pkcs8"

	api "github.com/berth-dev/berth/api/acm"
	"github.com/berth-dev/berth/internal/wire"
)

// GetCertificate returns a certificate and its chain in PEM.
func (s *Service) GetCertificate(ctx context.Context, in *api.GetCertificateRequest) (*api.GetCertificateResponse, error) {
	row, err := s.find(ctx, in.CertificateArn)
	if err != nil {
		return nil, err
	}
	return &api.GetCertificateResponse{Certificate: pemOf(row.Value.Leaf), CertificateChain: pemOf(row.Value.Chain...)}, nil
}

// ExportCertificate returns a certificate that was requested as one to be exported, with its private key encrypted under a passphrase.
func (s *Service) ExportCertificate(ctx context.Context, in *api.ExportCertificateRequest) (*api.ExportCertificateResponse, error) {
	if caller := wire.CallerOf(ctx); caller.TaskARN != "" || caller.Kind == wire.Agent {
		return nil, wire.Errorf(api.AccessDeniedException, "User: %s is not authorized to perform: acm:ExportCertificate on resource: %s", caller.ARN, in.CertificateArn)
	}
	row, err := s.find(ctx, in.CertificateArn)
	if err != nil {
		return nil, err
	}
	if !row.Value.Exportable {
		return nil, invalid("The certificate %s can't be exported: it was not requested with the option Export.", in.CertificateArn)
	}
	key, err := s.openKey(row.Value.Key, aboutKey(in.CertificateArn))
	if err != nil {
		return nil, invalid("The private key of the certificate %s can't be decrypted: %v.", in.CertificateArn, err)
	}
	sealed, err := pkcs8.MarshalPrivateKey(key, in.Passphrase, nil)
	if err != nil {
		return nil, err
	}
	err = s.change(ctx, in.CertificateArn, func(c *certificate) error {
		c.Exported = s.now().UTC()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.ExportCertificateResponse{
		Certificate: pemOf(row.Value.Leaf), CertificateChain: pemOf(row.Value.Chain...),
		PrivateKey: string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: sealed})),
	}, nil
}
