package parameterstore

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/ssm"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

const maxTags = 50

// merge is tags with others over them.
func merge(tags map[string]string, more []api.Tag) (map[string]string, error) {
	all := map[string]string{}
	maps.Copy(all, tags)
	for _, t := range more {
		if strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
			return nil, validation("Tag keys that begin with aws: are reserved: %s", t.Key)
		}
		all[t.Key] = deref(t.Value)
	}
	if len(all) > maxTags {
		return nil, wire.Errorf(api.TooManyTagsError, "A resource can have at most %d tags.", maxTags)
	}
	return all, nil
}

// AddTagsToResource adds tags to a parameter, or replaces their values.
func (s *Service) AddTagsToResource(ctx context.Context, in *api.AddTagsToResourceRequest) (*api.AddTagsToResourceResult, error) {
	return nil, s.changeTags(ctx, in.ResourceId, func(p *parameter) (err error) {
		p.Tags, err = merge(p.Tags, in.Tags)
		return err
	})
}

// RemoveTagsFromResource removes tags from a parameter.
func (s *Service) RemoveTagsFromResource(ctx context.Context, in *api.RemoveTagsFromResourceRequest) (*api.RemoveTagsFromResourceResult, error) {
	return nil, s.changeTags(ctx, in.ResourceId, func(p *parameter) error {
		for _, key := range in.TagKeys {
			delete(p.Tags, key)
		}
		return nil
	})
}

func (s *Service) changeTags(ctx context.Context, id string, f func(p *parameter) error) error {
	return resource(s.change(ctx, id, func(tx *store.Tx, name string, p *parameter) error {
		if err := f(p); err != nil {
			return err
		}
		return s.parameters.Put(tx, scopeOf(ctx), name, p)
	}))
}

// ListTagsForResource returns a parameter's tags.
func (s *Service) ListTagsForResource(ctx context.Context, in *api.ListTagsForResourceRequest) (*api.ListTagsForResourceResult, error) {
	f, err := s.find(scopeOf(ctx), in.ResourceId)
	if err != nil {
		return nil, resource(err)
	}
	out := &api.ListTagsForResourceResult{TagList: []api.Tag{}}
	for _, key := range slices.Sorted(maps.Keys(f.row.Tags)) {
		out.TagList = append(out.TagList, api.Tag{Key: key, Value: new(f.row.Tags[key])})
	}
	return out, nil
}

// resource puts the error of a parameter that is not there into the words of tagging.
func resource(err error) error {
	if errors.Is(err, errNotFound) {
		return wire.Errorf(api.InvalidResourceId, "The resource ID isn't valid. Verify that you entered the correct ID and try again.")
	}
	return err
}
