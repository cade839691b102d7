package logs

import (
	"context"
	"maps"

	api "github.com/berth-dev/berth/api/logs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/wire"
)

const maxTags = 50

// ListTagsForResource returns the tags of a log group that is named by its ARN.
func (s *Service) ListTagsForResource(ctx context.Context, in *api.ListTagsForResourceRequest) (*api.ListTagsForResourceResponse, error) {
	tags, err := s.tags(ctx, in.ResourceArn)
	return &api.ListTagsForResourceResponse{Tags: tags}, err
}

// ListTagsLogGroup returns the tags of a log group that is named by its name.
func (s *Service) ListTagsLogGroup(ctx context.Context, in *api.ListTagsLogGroupRequest) (*api.ListTagsLogGroupResponse, error) {
	tags, err := s.tags(ctx, in.LogGroupName)
	return &api.ListTagsLogGroupResponse{Tags: tags}, err
}

func (s *Service) tags(ctx context.Context, identifier string) (map[string]string, error) {
	name, err := groupName(ctx, identifier)
	if err != nil {
		return nil, err
	}
	g, err := s.group(ctx, name)
	if err != nil {
		return nil, err
	}
	if g.Tags == nil {
		return map[string]string{}, nil
	}
	return g.Tags, nil
}

// TagResource adds tags to a log group, or replaces their values.
func (s *Service) TagResource(ctx context.Context, in *api.TagResourceRequest) (*schema.Empty, error) {
	return s.changeTags(ctx, in.ResourceArn, func(tags map[string]string) { maps.Copy(tags, in.Tags) })
}

// UntagResource removes tags from a log group.
func (s *Service) UntagResource(ctx context.Context, in *api.UntagResourceRequest) (*schema.Empty, error) {
	return s.changeTags(ctx, in.ResourceArn, func(tags map[string]string) {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
	})
}

func (s *Service) changeTags(ctx context.Context, arn string, change func(tags map[string]string)) (*schema.Empty, error) {
	name, err := groupName(ctx, arn)
	if err != nil {
		return nil, err
	}
	return nil, s.change(ctx, name, func(g *group) error {
		tags := map[string]string{}
		maps.Copy(tags, g.Tags)
		change(tags)
		if len(tags) > maxTags {
			return &wire.Error{Code: api.TooManyTagsException, Message: "A log group can have at most 50 tags.", Fields: map[string]any{"resourceName": arn}}
		}
		g.Tags = tags
		return nil
	})
}
