// Package parameterstore is Parameter Store of AWS Systems Manager: parameters in a hierarchy, their versions and labels.
// internal/secrets makes the one Service; Terraform, people's own SDKs and the agent (for what task definitions refer to) call it.
//
// A parameter is a row, found by its name, that holds its latest version; each older version is a row of its own. Values of every type
// are sealed (package seal) for the parameter's name, its account and region, and the version: what is a secret and what is not, the store does not tell.
package parameterstore

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"time"

	api "github.com/berth-dev/berth/api/ssm"
	"github.com/berth-dev/berth/internal/secrets/seal"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// Service answers the API of Parameter Store.
type Service struct {
	db         *store.DB
	parameters *store.Table[parameter]
	past       *store.Table[version]
	key        *seal.Key
	log        *slog.Logger
	now        func() time.Time
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
		db:         db,
		parameters: store.NewTable[parameter](db, "ssm", "parameter"),
		past:       store.NewTable[version](db, "ssm", "version"),
		key:        config.Key, log: config.Log, now: config.Now,
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
	wire.Handle(svc, api.PutParameter, s.PutParameter,
		wire.Refuse("Policies", "parameters neither expire nor notify"),
		wire.Refuse("DataType", "values are not checked against other services", "text"),
		wire.Note("KeyId", "kept and shown: KMS is not there, and values of every type are encrypted with Berth's own key ([secrets.md](secrets.md))"),
		wire.Note("AllowedPattern", "an RE2 expression, which has neither backreferences nor lookaround (AWS: Java's)"),
		wire.Note("Tier", "limits the value's size; there is no limit to how many parameters there are"))
	wire.Handle(svc, api.GetParameter, s.GetParameter)
	wire.Handle(svc, api.GetParameters, s.GetParameters)
	wire.Handle(svc, api.GetParametersByPath, s.GetParametersByPath)
	wire.Handle(svc, api.GetParameterHistory, s.GetParameterHistory)
	wire.Handle(svc, api.DescribeParameters, s.DescribeParameters,
		wire.Note("Shared", "no other account shares parameters"))
	wire.Handle(svc, api.DeleteParameter, s.DeleteParameter)
	wire.Handle(svc, api.DeleteParameters, s.DeleteParameters)
	wire.Handle(svc, api.LabelParameterVersion, s.LabelParameterVersion)
	wire.Handle(svc, api.UnlabelParameterVersion, s.UnlabelParameterVersion)
	onlyParameters := wire.Refuse("ResourceType", "of Systems Manager only Parameter Store is there", string(api.ResourceTypeForTaggingParameter))
	wire.Handle(svc, api.AddTagsToResource, s.AddTagsToResource, onlyParameters)
	wire.Handle(svc, api.RemoveTagsFromResource, s.RemoveTagsFromResource, onlyParameters)
	wire.Handle(svc, api.ListTagsForResource, s.ListTagsForResource, onlyParameters)
}

// Sealed yields every sealed value.
func (s *Service) Sealed() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for row := range s.parameters.All() {
			if !yield(row.Value.Latest.Sealed) {
				return
			}
		}
		for row := range s.past.All() {
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
	case errors.Is(err, store.ErrFull):
		return wire.Errorf(api.InternalServerError, "%v", err)
	case errors.Is(err, store.ErrConflict):
		return wire.Errorf(api.TooManyUpdates, "There are concurrent updates for a resource that supports one update at a time.")
	}
	return err
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
