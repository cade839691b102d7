// Package acm is AWS Certificate Manager: certificates that people import, and those that they request, which a certificate
// authority of this Berth's own issues at once. internal/server makes the one Service; the AWS APIs' clients call it, and load
// balancers take the certificates of their listeners from it (Certificate, Watch).
//
// A certificate is a row, found by the id at the end of its ARN. Its private key is in the row, sealed for that ARN: a store that
// somebody copies says nothing of it, nor of the authority's key.
package acm

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"sync"
	"time"

	api "github.com/berth-dev/berth/api/acm"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// Sealer encrypts private keys for the store. about says whose key it is; a key does not open as another's.
type Sealer interface {
	Seal(value []byte, about string) ([]byte, error)
	Open(sealed []byte, about string) ([]byte, error)
}

// Users know what certificates are used for.
type Users interface {
	// InUseBy are the ARNs of the load balancers that have the certificate.
	InUseBy(scope store.Scope, arn string) []string
	// Used tells whether there are such, as the transaction sees it: it commits only if that is still so by then.
	Used(tx *store.Tx, scope store.Scope, arn string) bool
}

// Service answers the API of Certificate Manager.
type Service struct {
	db           *store.DB
	certificates *store.Table[certificate]
	authorities  *store.Table[authority]
	key          Sealer
	users        Users
	log          *slog.Logger
	now          func() time.Time

	mu     sync.Mutex
	opened map[string]opened // by ARN: what Certificate has answered
}

// Config sets up a Service.
type Config struct {
	Key   Sealer
	Users Users            // nil: nothing uses certificates
	Log   *slog.Logger     // nil: slog.Default()
	Now   func() time.Time // nil: time.Now
}

// AuthorityTable is the table of the certificate authority, which outlives a reset: people have told their browsers to trust it.
const AuthorityTable = "acm/authority"

// New makes the service and declares its tables: it comes before the DB starts.
func New(db *store.DB, config Config) *Service {
	s := &Service{
		db:           db,
		certificates: store.NewTable[certificate](db, "acm", "certificate"),
		authorities:  store.NewTable[authority](db, "acm", "authority"),
		key:          config.Key, users: config.Users, log: config.Log, now: config.Now,
		opened: map[string]opened{},
	}
	if s.users == nil {
		s.users = unused{}
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

type unused struct{}

func (unused) InUseBy(store.Scope, string) []string     { return nil }
func (unused) Used(*store.Tx, store.Scope, string) bool { return false }

// Register adds the service's operations to the server.
func (s *Service) Register(svc *wire.Service) {
	transparency := wire.Note("Options", "CertificateTransparencyLoggingPreference is kept and shown: a local authority's certificates go to no public log")
	wire.Handle(svc, api.RequestCertificate, s.RequestCertificate, transparency,
		wire.Refuse("CertificateAuthorityArn", "private certificate authorities are not there"),
		wire.Refuse("ManagedBy", "CloudFront is not there"),
		wire.RefuseWhere(refuseMethod),
		wire.Note("", "issued at once by this Berth's own authority, for any name: nobody is asked whose it is ([certificates.md](certificates.md))"),
		wire.Note("ValidationMethod", "the record or the addresses are shown as AWS shows them, and count as confirmed; HTTP is refused, as it is for CloudFront alone"))
	wire.Handle(svc, api.ImportCertificate, s.ImportCertificate)
	wire.Handle(svc, api.DescribeCertificate, s.DescribeCertificate)
	wire.Handle(svc, api.ListCertificates, s.ListCertificates)
	wire.Handle(svc, api.GetCertificate, s.GetCertificate,
		wire.Note("", "the chain of a certificate that was requested is the root of this Berth's authority"))
	wire.Handle(svc, api.ExportCertificate, s.ExportCertificate,
		wire.Note("", "tasks may not export: what trusts this Berth's authority would trust them under any name"))
	wire.Handle(svc, api.RenewCertificate, s.RenewCertificate,
		wire.Note("", "renewed at once; also one that a load balancer has, and one that was not exported but may be"))
	wire.Handle(svc, api.UpdateCertificateOptions, s.UpdateCertificateOptions, transparency)
	wire.Handle(svc, api.DeleteCertificate, s.DeleteCertificate)
	wire.Handle(svc, api.AddTagsToCertificate, s.AddTagsToCertificate)
	wire.Handle(svc, api.RemoveTagsFromCertificate, s.RemoveTagsFromCertificate)
	wire.Handle(svc, api.ListTagsForCertificate, s.ListTagsForCertificate)
}

// Sealed yields every certificate's sealed key. The authority's is not among them: it is made anew where it does not open.
func (s *Service) Sealed() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for row := range s.certificates.All() {
			if !yield(row.Value.Key) {
				return
			}
		}
	}
}

func scopeOf(ctx context.Context) store.Scope {
	caller := wire.CallerOf(ctx)
	return store.Scope{Account: caller.Account, Region: caller.Region}
}

// find is the certificate of an ARN that a request names, with the row's id.
func (s *Service) find(ctx context.Context, arn string) (store.Row[certificate], error) {
	scope := scopeOf(ctx)
	id, err := idOf(scope, arn)
	if err != nil {
		return store.Row[certificate]{}, err
	}
	row, ok := s.certificates.Get(scope, id)
	if !ok {
		return row, notFound(arn)
	}
	return row, nil
}

// change changes a certificate, of which f gets a copy.
func (s *Service) change(ctx context.Context, arn string, f func(c *certificate) error) error {
	scope := scopeOf(ctx)
	id, err := idOf(scope, arn)
	if err != nil {
		return err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error { return s.certificates.Modify(tx, scope, id, f) })
	if errors.Is(err, store.ErrNotFound) {
		return notFound(arn)
	}
	return answer(err)
}
