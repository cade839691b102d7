package secretsmanager

import (
	"context"
	"slices"

	api "github.com/berth-dev/berth/api/secretsmanager"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// PutSecretValue adds a version, which becomes the current one unless the request names other stages. Repeated with the same token and
// value it changes nothing.
func (s *Service) PutSecretValue(ctx context.Context, in *api.PutSecretValueRequest) (*api.PutSecretValueResponse, error) {
	c, err := contentOf(in.SecretString, in.SecretBinary)
	switch {
	case err != nil:
		return nil, err
	case c == nil:
		return nil, errNoValue
	}
	id, err := versionID(in.ClientRequestToken)
	if err != nil {
		return nil, err
	}
	n, err := s.change(ctx, in.SecretId, false, func(tx *store.Tx, n named) error { return s.addVersion(tx, n, id, in.VersionStages, c) })
	if err != nil {
		return nil, err
	}
	return &api.PutSecretValueResponse{ARN: n.arn(), Name: n.name, VersionId: id, VersionStages: n.Versions[id].Stages}, nil
}

// addVersion adds a version to a secret, unless the same is there.
func (s *Service) addVersion(tx *store.Tx, n named, id string, stages []string, c *content) error {
	if n.has(id) {
		same, err := s.holds(tx, n, id, c)
		if err == nil && !same {
			err = wire.Errorf(api.ResourceExistsException, "You can't use ClientRequestToken %s because that value is already in use for a version of secret %s.", id, n.arn())
		}
		return err
	}
	now := s.now().UTC()
	dropped, err := n.add(id, unique(stages), now)
	if err != nil {
		return err
	}
	for _, old := range dropped {
		if err := s.values.Delete(tx, n.scope, n.valueID(old)); err != nil {
			return err
		}
	}
	n.Changed = now
	return s.write(tx, n, id, c)
}

func unique(stages []string) (all []string) {
	for _, stage := range stages {
		if !slices.Contains(all, stage) {
			all = append(all, stage)
		}
	}
	return all
}

// UpdateSecret changes what is said of a secret, and adds a version where it brings a value.
func (s *Service) UpdateSecret(ctx context.Context, in *api.UpdateSecretRequest) (*api.UpdateSecretResponse, error) {
	c, err := contentOf(in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	id, err := versionID(in.ClientRequestToken)
	if err != nil {
		return nil, err
	}
	n, err := s.change(ctx, in.SecretId, false, func(tx *store.Tx, n named) error {
		if in.Description != nil {
			n.Description = *in.Description
		}
		if in.KmsKeyId != "" {
			n.KMSKey = in.KmsKeyId
		}
		n.Changed = s.now().UTC()
		if c == nil {
			return nil
		}
		return s.addVersion(tx, n, id, nil, c)
	})
	if err != nil {
		return nil, err
	}
	out := &api.UpdateSecretResponse{ARN: n.arn(), Name: n.name}
	if c != nil {
		out.VersionId = id
	}
	return out, nil
}

// UpdateSecretVersionStage moves a stage from one version to another, gives it to one, or takes it away.
func (s *Service) UpdateSecretVersionStage(ctx context.Context, in *api.UpdateSecretVersionStageRequest) (*api.UpdateSecretVersionStageResponse, error) {
	stage, from, to := in.VersionStage, in.RemoveFromVersionId, in.MoveToVersionId
	if from == "" && to == "" {
		return nil, invalidParameter("You must provide a value for MoveToVersionId or RemoveFromVersionId.")
	}
	n, err := s.change(ctx, in.SecretId, false, func(tx *store.Tx, n named) error {
		has := n.staged(stage)
		switch {
		case to != "" && !n.has(to):
			return noVersion("VersionId: %s", to)
		case from != "" && !n.has(from):
			return noVersion("VersionId: %s", from)
		case from != "" && from != has:
			return invalidParameter("The parameter RemoveFromVersionId is invalid. Staging label %s is not attached to version %s.", stage, from)
		case to != "" && has != "" && has != to && from == "":
			return invalidParameter("The parameter RemoveFromVersionId can't be empty. Staging label %s is currently attached to version %s, so you must explicitly reference that version in RemoveFromVersionId.", stage, has)
		case to == "" && stage == current:
			return invalidParameter("You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.")
		case to != "" && has != to && len(n.Versions[to].Stages) >= maxStages:
			return wire.Errorf(api.LimitExceededException, "A version can have at most %d staging labels.", maxStages)
		}
		n.move(stage, to)
		n.Changed = s.now().UTC()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateSecretVersionStageResponse{ARN: n.arn(), Name: n.name}, nil
}
