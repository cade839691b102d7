package secretsmanager

import (
	"bytes"
	"context"

	"github.com/google/uuid"

	api "github.com/berth-dev/berth/api/secretsmanager"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

func newUUID() string { return uuid.NewString() }

// content is a value as a request brings it: a text or bytes.
type content struct {
	bytes  []byte
	binary bool
}

// contentOf reads a request's value; nil when it has none.
func contentOf(text string, binary []byte) (*content, error) {
	switch {
	case text != "" && len(binary) > 0:
		return nil, errTwoValues
	case len(text) > maxBytes || len(binary) > maxBytes:
		return nil, invalidParameter("The secret value can have at most %d bytes.", maxBytes)
	case text != "":
		return &content{bytes: []byte(text)}, nil
	case len(binary) > 0:
		return &content{bytes: binary, binary: true}, nil
	}
	return nil, nil
}

// CreateSecret makes a secret, and its first version where it brings a value. Repeated with the same token and value it changes nothing.
func (s *Service) CreateSecret(ctx context.Context, in *api.CreateSecretRequest) (*api.CreateSecretResponse, error) {
	if err := checkName(in.Name); err != nil {
		return nil, err
	}
	id, err := versionID(in.ClientRequestToken)
	if err != nil {
		return nil, err
	}
	c, err := contentOf(in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	tags, err := merge(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	scope, now := scopeOf(ctx), s.now().UTC()
	made := named{&secret{Suffix: newSuffix(), Description: in.Description, KMSKey: in.KmsKeyId, Tags: tags, Created: now, Changed: now,
		Versions: map[string]version{}}, scope, in.Name}
	if c != nil {
		if _, err := made.add(id, nil, now); err != nil {
			return nil, err
		}
	}
	var out named
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if old, ok := s.secrets.GetTx(tx, scope, in.Name); ok {
			there := named{old, scope, in.Name}
			if !there.gone(s.now()) {
				out = there
				return s.exists(tx, there, id, c)
			}
			if err := s.remove(tx, there); err != nil {
				return err
			}
		}
		out = made
		if c != nil {
			if err := s.write(tx, made, id, c); err != nil {
				return err
			}
		}
		return s.secrets.Put(tx, scope, in.Name, made.secret)
	})
	if err != nil {
		return nil, answer(err)
	}
	answer := &api.CreateSecretResponse{ARN: out.arn(), Name: out.name}
	if c != nil {
		answer.VersionId = id
	}
	return answer, nil
}

// exists is the error of making a secret that is there; none when the same request made it.
func (s *Service) exists(tx *store.Tx, there named, id string, c *content) error {
	if !there.Deletion.IsZero() {
		return wire.Errorf(api.InvalidRequestException, "You can't create this secret because a secret with this name is already scheduled for deletion.")
	}
	if _, ok := there.Versions[id]; ok && c != nil {
		if same, err := s.holds(tx, there, id, c); same || err != nil {
			return err
		}
	}
	return wire.Errorf(api.ResourceExistsException, "The operation failed because the secret %s already exists.", there.name)
}

// write writes a version's value.
func (s *Service) write(tx *store.Tx, n named, id string, c *content) error {
	sealed, err := s.key.Seal(c.bytes, n.about(id))
	if err != nil {
		return wire.Errorf(api.EncryptionFailure, "Secrets Manager can't encrypt the protected secret text.")
	}
	return s.values.Put(tx, n.scope, n.valueID(id), &value{Sealed: sealed, Binary: c.binary})
}

// holds says whether a version holds that value.
func (s *Service) holds(tx *store.Tx, n named, id string, c *content) (bool, error) {
	v, ok := s.values.GetTx(tx, n.scope, n.valueID(id))
	if !ok {
		return false, nil
	}
	has, err := s.open(n, id, v)
	return err == nil && has.binary == c.binary && bytes.Equal(has.bytes, c.bytes), err
}
