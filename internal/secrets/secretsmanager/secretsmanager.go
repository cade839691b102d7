// Package secretsmanager is AWS Secrets Manager: secrets, their versions and the stages that name them. internal/secrets makes
// the one Service; Terraform, people's own SDKs and the agent (for what task definitions refer to) call it.
//
// A secret is a row, found by its name; each of its versions is a row of its own, sealed (package seal) for its ARN and version: what is
// said of a secret can be listed and kept without the values, and no value stands in two rows.
package secretsmanager

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"time"

	api "github.com/berth-dev/berth/api/secretsmanager"
	"github.com/berth-dev/berth/internal/secrets/seal"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// Service answers the API of Secrets Manager.
type Service struct {
	db      *store.DB
	secrets *store.Table[secret]
	values  *store.Table[value]
	key     *seal.Key
	log     *slog.Logger
	now     func() time.Time
}

// Config sets up a Service.
type Config struct {
	Key *seal.Key
	Log *slog.Logger     // nil: slog.Default()
	Now func() time.Time // nil: time.Now
}

// New makes the service and declares its tables: it comes before the DB starts.
func New(db *store.DB, config Config) *Service {
	s := &Service{
		db:      db,
		secrets: store.NewTable[secret](db, "secretsmanager", "secret"),
		values:  store.NewTable[value](db, "secretsmanager", "value"),
		key:     config.Key, log: config.Log, now: config.Now,
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// Register adds the service's operations to the server.
func (s *Service) Register(svc *wire.Service) {
	keyNote := wire.Note("KmsKeyId", "kept and shown: KMS is not there, and values are encrypted with Berth's own key ([secrets.md](secrets.md))")
	noType := wire.Refuse("Type", "secrets that others manage are not there")
	wire.Handle(svc, api.CreateSecret, s.CreateSecret, keyNote, noType,
		wire.Refuse("AddReplicaRegions", "secrets are not replicated"),
		wire.Note("ForceOverwriteReplicaSecret", "says nothing while AddReplicaRegions is refused"))
	wire.Handle(svc, api.DescribeSecret, s.DescribeSecret)
	wire.Handle(svc, api.ListSecrets, s.ListSecrets)
	wire.Handle(svc, api.ListSecretVersionIds, s.ListSecretVersionIds)
	wire.Handle(svc, api.GetSecretValue, s.GetSecretValue)
	wire.Handle(svc, api.BatchGetSecretValue, s.BatchGetSecretValue)
	wire.Handle(svc, api.PutSecretValue, s.PutSecretValue,
		wire.Refuse("RotationToken", "secrets are not rotated by other accounts"))
	wire.Handle(svc, api.UpdateSecret, s.UpdateSecret, keyNote, noType)
	wire.Handle(svc, api.UpdateSecretVersionStage, s.UpdateSecretVersionStage)
	wire.Handle(svc, api.DeleteSecret, s.DeleteSecret)
	wire.Handle(svc, api.RestoreSecret, s.RestoreSecret)
	wire.Handle(svc, api.GetResourcePolicy, s.GetResourcePolicy,
		wire.Note("", "no secret has a policy: policies are not evaluated"))
	wire.Handle(svc, api.TagResource, s.TagResource)
	wire.Handle(svc, api.UntagResource, s.UntagResource)
	wire.Handle(svc, api.GetRandomPassword, s.GetRandomPassword)
}

// Sealed yields every sealed value.
func (s *Service) Sealed() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for row := range s.values.All() {
			if !yield(row.Value.Sealed) {
				return
			}
		}
	}
}

func scopeOf(ctx context.Context) store.Scope {
	caller := wire.CallerOf(ctx)
	return store.Scope{Account: caller.Account, Region: caller.Region}
}

// answer puts the store's errors into AWS's words.
func answer(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return errNoSecret
	case errors.Is(err, store.ErrFull):
		return wire.Errorf(api.InternalServiceError, "%v", err)
	case errors.Is(err, store.ErrConflict):
		return wire.Errorf(api.InvalidRequestException, "Others are changing the same secret. Wait and try again.")
	}
	return err
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
