package secretsmanager

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/berth-dev/berth/api/schema"
	api "github.com/berth-dev/berth/api/secretsmanager"
	"github.com/berth-dev/berth/internal/secrets/seal"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// GetSecretValue returns a version's value: the one named by its id, by a stage, or by both; else the current one.
func (s *Service) GetSecretValue(ctx context.Context, in *api.GetSecretValueRequest) (*api.GetSecretValueResponse, error) {
	n, err := s.live(ctx, in.SecretId)
	if err != nil {
		return nil, err
	}
	id, err := n.choose(in.VersionId, in.VersionStage)
	if err != nil {
		return nil, err
	}
	c, err := s.read(n, id)
	if err != nil {
		return nil, err
	}
	s.accessed(ctx, n)
	out := &api.GetSecretValueResponse{ARN: n.arn(), Name: n.name, VersionId: id, VersionStages: n.Versions[id].Stages, CreatedDate: schema.At(n.Versions[id].Created)}
	if c.binary {
		out.SecretBinary = c.bytes
	} else {
		out.SecretString = string(c.bytes)
	}
	return out, nil
}

// choose is the version that an id and a stage name.
func (n named) choose(id, stage string) (string, error) {
	switch {
	case id == "":
		if stage == "" {
			stage = current
		}
		if id = n.staged(stage); id == "" {
			return "", noVersion("staging label: %s", stage)
		}
	case !n.has(id):
		return "", noVersion("VersionId: %s", id)
	case stage != "" && !slices.Contains(n.Versions[id].Stages, stage):
		return "", wire.Errorf(api.InvalidRequestException, "You provided a VersionStage that is not associated to the provided VersionId.")
	}
	return id, nil
}

func (n named) has(id string) bool {
	_, ok := n.Versions[id]
	return ok
}

// read reads a version's value.
func (s *Service) read(n named, id string) (content, error) {
	row, ok := s.values.Get(n.scope, n.valueID(id))
	if !ok {
		return content{}, noVersion("VersionId: %s", id)
	}
	return s.open(n, id, row.Value)
}

func (s *Service) open(n named, id string, v *value) (content, error) {
	opened, err := s.key.Open(v.Sealed, n.about(id))
	switch {
	case errors.Is(err, seal.ErrOtherKey):
		return content{}, errDecryption
	case err != nil:
		s.log.Error("a secret's value does not open", "secret", n.arn(), "version", id, "error", err)
		return content{}, errNotItself
	}
	return content{bytes: opened, binary: v.Binary}, nil
}

// accessed notes the day on which a secret is read, once a day. Reading does not depend on it.
func (s *Service) accessed(ctx context.Context, n named) {
	day := s.now().UTC().Truncate(24 * time.Hour)
	if !n.Accessed.Before(day) {
		return
	}
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		return s.secrets.Modify(tx, n.scope, n.name, func(v *secret) error { v.Accessed = day; return nil })
	})
	if err != nil && ctx.Err() == nil {
		s.log.Warn("when a secret was read is not noted", "secret", n.arn(), "error", err)
	}
}

// maxBatch is how many values BatchGetSecretValue returns at most.
const maxBatch = 20

// BatchGetSecretValue returns the current values of secrets that are named, or that filters choose. Those that can't be read are
// among the errors.
func (s *Service) BatchGetSecretValue(ctx context.Context, in *api.BatchGetSecretValueRequest) (*api.BatchGetSecretValueResponse, error) {
	ids := in.SecretIdList
	out := &api.BatchGetSecretValueResponse{SecretValues: []api.SecretValueEntry{}, Errors: []api.APIErrorType{}}
	switch {
	case len(ids) > 0 && len(in.Filters) > 0:
		return nil, invalidParameter("You can't use both SecretIdList and Filters in the same request.")
	case len(ids) == 0 && len(in.Filters) == 0:
		return nil, invalidParameter("You must provide either SecretIdList or Filters.")
	case len(ids) > 0 && (in.MaxResults != nil || in.NextToken != ""):
		return nil, invalidParameter("MaxResults and NextToken can only be used with Filters.")
	case len(ids) == 0:
		var err error
		if ids, out.NextToken, err = s.page(ctx, listing{filters: in.Filters, limit: limitOf(in.MaxResults, maxBatch), token: in.NextToken}); err != nil {
			return nil, err
		}
	}
	for _, id := range ids {
		got, err := s.GetSecretValue(ctx, &api.GetSecretValueRequest{SecretId: id})
		var known *wire.Error
		switch {
		case errors.As(err, &known):
			out.Errors = append(out.Errors, api.APIErrorType{SecretId: id, ErrorCode: known.Code, Message: known.Message})
		case err != nil:
			return nil, err
		default:
			out.SecretValues = append(out.SecretValues, api.SecretValueEntry{ARN: got.ARN, Name: got.Name, VersionId: got.VersionId, SecretBinary: got.SecretBinary,
				SecretString: got.SecretString, VersionStages: got.VersionStages, CreatedDate: got.CreatedDate})
		}
	}
	return out, nil
}
