package elb

import (
	"context"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

const maxTags = 50

// checkTags checks the tags that a request brings, beyond what the model says of them.
func checkTags(tags []api.Tag) error {
	seen := map[string]bool{}
	for _, t := range tags {
		switch {
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return invalid("Tag keys that begin with 'aws:' are reserved: '%s'", t.Key)
		case seen[t.Key]:
			return wire.Errorf(api.DuplicateTagKeysException, "Tag key was specified more than once: %s", t.Key)
		}
		seen[t.Key] = true
	}
	if len(tags) > maxTags {
		return tooManyTags()
	}
	return nil
}

func tooManyTags() error {
	return wire.Errorf(api.TooManyTagsException, "The maximum number of tags for this resource has been reached: %d", maxTags)
}

// tagged gives the tags of the thing with an ARN to change, as part of the transaction, and writes what it returns. nil: they stay.
func (s *Service) tagged(tx *store.Tx, scope store.Scope, arn string, change func([]api.Tag) ([]api.Tag, error)) error {
	switch {
	case wellFormed(kindBalancer, arn):
		return retag(tx, scope, s.balancers(), arn, func(b *loadBalancer) *[]api.Tag { return &b.Tags }, change)
	case wellFormed(kindGroup, arn):
		return retag(tx, scope, s.groups(), arn, func(g *targetGroup) *[]api.Tag { return &g.Tags }, change)
	case wellFormed(kindListener, arn):
		return retag(tx, scope, s.listeners(), arn, func(l *listener) *[]api.Tag { return &l.Tags }, change)
	case wellFormed(kindRule, arn):
		return retag(tx, scope, s.rules(), arn, func(r *rule) *[]api.Tag { return &r.Tags }, change)
	}
	return invalid("'%s' is not a valid resource ARN", arn)
}

func retag[T any](tx *store.Tx, scope store.Scope, k kind[T], arn string, tags func(*T) *[]api.Tag, change func([]api.Tag) ([]api.Tag, error)) error {
	old, err := k.getTx(tx, scope, arn)
	if err != nil {
		return err
	}
	changed, err := change(*tags(old))
	if err != nil || changed == nil {
		return err
	}
	v := *old
	*tags(&v) = changed
	return k.table.Put(tx, scope, idIn(scope, k.prefix, arn), &v)
}

// AddTags adds tags to load balancers, target groups, listeners and rules.
func (s *Service) AddTags(ctx context.Context, in *api.AddTagsInput) (*api.AddTagsOutput, error) {
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	return nil, s.eachTagged(ctx, in.ResourceArns, func(tags []api.Tag) ([]api.Tag, error) {
		added := slices.DeleteFunc(slices.Clone(tags), func(t api.Tag) bool {
			return slices.ContainsFunc(in.Tags, func(more api.Tag) bool { return more.Key == t.Key })
		})
		if added = append(added, in.Tags...); len(added) > maxTags {
			return nil, tooManyTags()
		}
		return added, nil
	})
}

// RemoveTags takes tags away.
func (s *Service) RemoveTags(ctx context.Context, in *api.RemoveTagsInput) (*api.RemoveTagsOutput, error) {
	return nil, s.eachTagged(ctx, in.ResourceArns, func(tags []api.Tag) ([]api.Tag, error) {
		return slices.DeleteFunc(append([]api.Tag{}, tags...), func(t api.Tag) bool { return slices.Contains(in.TagKeys, t.Key) }), nil
	})
}

// DescribeTags lists tags.
func (s *Service) DescribeTags(ctx context.Context, in *api.DescribeTagsInput) (*api.DescribeTagsOutput, error) {
	if len(in.ResourceArns) > maxTagged {
		return nil, invalid("Up to %d resources can be described in a single call", maxTagged)
	}
	out := &api.DescribeTagsOutput{TagDescriptions: []api.TagDescription{}}
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		out.TagDescriptions = out.TagDescriptions[:0]
		for _, arn := range in.ResourceArns {
			err := s.tagged(tx, scopeOf(ctx), arn, func(tags []api.Tag) ([]api.Tag, error) {
				out.TagDescriptions = append(out.TagDescriptions, api.TagDescription{ResourceArn: arn, Tags: append([]api.Tag{}, tags...)})
				return nil, nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// maxTagged is how many resources one request may name.
const maxTagged = 20

func (s *Service) eachTagged(ctx context.Context, arns []string, change func([]api.Tag) ([]api.Tag, error)) error {
	if len(arns) > maxTagged {
		return invalid("Up to %d resources can be tagged in a single call", maxTagged)
	}
	return s.db.Update(ctx, func(tx *store.Tx) error {
		for _, arn := range arns {
			if err := s.tagged(tx, scopeOf(ctx), arn, change); err != nil {
				return err
			}
		}
		return nil
	})
}
