package secretsmanager

import (
	"cmp"
	"context"
	"slices"

	"github.com/berth-dev/berth/api/schema"
	api "github.com/berth-dev/berth/api/secretsmanager"
	"github.com/berth-dev/berth/internal/wire"
)

// DescribeSecret tells all of a secret but its values, also of one that is to be deleted.
func (s *Service) DescribeSecret(ctx context.Context, in *api.DescribeSecretRequest) (*api.DescribeSecretResponse, error) {
	n, err := s.look(ctx, in.SecretId)
	if err != nil {
		return nil, err
	}
	e := n.entry()
	return &api.DescribeSecretResponse{
		ARN: e.ARN, Name: e.Name, Description: e.Description, KmsKeyId: e.KmsKeyId, RotationEnabled: e.RotationEnabled, Tags: e.Tags,
		LastChangedDate: e.LastChangedDate, LastAccessedDate: e.LastAccessedDate, DeletedDate: e.DeletedDate, CreatedDate: e.CreatedDate,
		VersionIdsToStages: e.SecretVersionsToStages,
	}, nil
}

// entry is what lists say of a secret.
func (n named) entry() api.SecretListEntry {
	return api.SecretListEntry{
		ARN: n.arn(), Name: n.name, Description: n.Description, KmsKeyId: n.KMSKey, RotationEnabled: new(false), Tags: tagList(n.Tags),
		LastChangedDate: schema.At(n.Changed), LastAccessedDate: schema.At(n.Accessed), DeletedDate: schema.At(n.Deletion), CreatedDate: schema.At(n.Created),
		SecretVersionsToStages: n.stages(),
	}
}

// defaultKey is the name of the key that encrypts where no other is asked for.
const defaultKey = "DefaultEncryptionKey"

// ListSecretVersionIds lists a secret's versions, oldest first; those without a stage only when they are asked for.
func (s *Service) ListSecretVersionIds(ctx context.Context, in *api.ListSecretVersionIdsRequest) (*api.ListSecretVersionIdsResponse, error) {
	n, err := s.look(ctx, in.SecretId)
	if err != nil {
		return nil, err
	}
	list := []string{"ListSecretVersionIds", n.arn()}
	after, ok := wire.After(in.NextToken, list...)
	if !ok {
		return nil, errToken
	}
	var versions []api.SecretVersionsListEntry
	for id, v := range n.Versions {
		if len(v.Stages) > 0 || deref(in.IncludeDeprecated) {
			versions = append(versions, api.SecretVersionsListEntry{VersionId: id, VersionStages: v.Stages, CreatedDate: schema.At(v.Created), KmsKeyIds: []string{cmp.Or(n.KMSKey, defaultKey)}})
		}
	}
	slices.SortFunc(versions, func(a, b api.SecretVersionsListEntry) int {
		return cmp.Or(a.CreatedDate.Compare(b.CreatedDate.Time), cmp.Compare(a.VersionId, b.VersionId))
	})
	if i := slices.IndexFunc(versions, func(v api.SecretVersionsListEntry) bool { return v.VersionId == after }); i >= 0 {
		versions = versions[i+1:]
	}
	out := &api.ListSecretVersionIdsResponse{ARN: n.arn(), Name: n.name, Versions: []api.SecretVersionsListEntry{}}
	if limit := limitOf(in.MaxResults, maxList); len(versions) > limit {
		versions, out.NextToken = versions[:limit], wire.NextToken(versions[limit-1].VersionId, list...)
	}
	out.Versions = append(out.Versions, versions...)
	return out, nil
}
