package secretsmanager

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/berth-dev/berth/api/schema"
	api "github.com/berth-dev/berth/api/secretsmanager"
	"github.com/berth-dev/berth/internal/store"
)

// merge is tags with others over them.
func merge(tags map[string]string, more []api.Tag) (map[string]string, error) {
	all := map[string]string{}
	maps.Copy(all, tags)
	given := map[string]bool{}
	for _, t := range more {
		switch {
		case t.Key == "":
			return nil, invalidParameter("A tag needs a key.")
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return nil, invalidParameter("The tag key %s begins with aws:, which is reserved.", t.Key)
		case given[t.Key]:
			return nil, invalidParameter("The tag key %s is given twice.", t.Key)
		}
		given[t.Key], all[t.Key] = true, t.Value
	}
	if len(all) > maxTags {
		return nil, invalidParameter("A secret can have at most %d tags.", maxTags)
	}
	return all, nil
}

// tagList is tags in order of their keys.
func tagList(tags map[string]string) []api.Tag {
	list := []api.Tag{}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, api.Tag{Key: key, Value: tags[key]})
	}
	return list
}

// TagResource adds tags to a secret, or replaces their values.
func (s *Service) TagResource(ctx context.Context, in *api.TagResourceRequest) (*schema.Empty, error) {
	_, err := s.change(ctx, in.SecretId, false, func(_ *store.Tx, n named) (err error) {
		n.Tags, err = merge(n.Tags, in.Tags)
		return err
	})
	return nil, err
}

// UntagResource removes tags from a secret.
func (s *Service) UntagResource(ctx context.Context, in *api.UntagResourceRequest) (*schema.Empty, error) {
	_, err := s.change(ctx, in.SecretId, false, func(_ *store.Tx, n named) error {
		for _, key := range in.TagKeys {
			delete(n.Tags, key)
		}
		return nil
	})
	return nil, err
}
