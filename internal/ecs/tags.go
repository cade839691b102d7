package ecs

import (
	"context"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

const maxTags = 50

// validateTags checks the tags that a request brings, beyond what the model says of them.
func validateTags(tags []api.Tag) error {
	seen := map[string]bool{}
	for _, t := range tags {
		switch {
		case t.Key == "":
			return invalidParameter("Tag keys must have between 1 and 128 characters.")
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return invalidParameter("Tag keys that begin with 'aws:' are reserved for AWS use: %s", t.Key)
		case seen[t.Key]:
			return invalidParameter("Duplicate tag keys found: %s", t.Key)
		}
		seen[t.Key] = true
	}
	return nil
}

// merged is tags with more laid over them.
func merged(tags, more []api.Tag) ([]api.Tag, error) {
	out := without(tags, func(key string) bool {
		return slices.ContainsFunc(more, func(m api.Tag) bool { return m.Key == key })
	})
	out = append(out, more...)
	if len(out) > maxTags {
		return nil, wire.Errorf(api.LimitExceededException, "A resource has at most %d tags.", maxTags)
	}
	return out, nil
}

func without(tags []api.Tag, drop func(key string) bool) []api.Tag {
	return slices.DeleteFunc(slices.Clone(tags), func(t api.Tag) bool { return drop(t.Key) })
}

// TagResource adds tags to a cluster, task definition, task or container instance.
func (s *Service) TagResource(ctx context.Context, r *api.TagResourceRequest) (*api.TagResourceResponse, error) {
	if err := validateTags(r.Tags); err != nil {
		return nil, err
	}
	t, err := s.tagged(scopeOf(ctx), r.ResourceArn)
	if err != nil {
		return nil, err
	}
	return nil, s.db.Update(ctx, func(tx *store.Tx) error {
		return t.change(tx, func(tags []api.Tag) ([]api.Tag, error) { return merged(tags, r.Tags) })
	})
}

// UntagResource takes tags off a resource. Keys that it does not have are no error.
func (s *Service) UntagResource(ctx context.Context, r *api.UntagResourceRequest) (*api.UntagResourceResponse, error) {
	t, err := s.tagged(scopeOf(ctx), r.ResourceArn)
	if err != nil {
		return nil, err
	}
	return nil, s.db.Update(ctx, func(tx *store.Tx) error {
		return t.change(tx, func(tags []api.Tag) ([]api.Tag, error) {
			return without(tags, func(key string) bool { return slices.Contains(r.TagKeys, key) }), nil
		})
	})
}

// ListTagsForResource lists a resource's tags.
func (s *Service) ListTagsForResource(ctx context.Context, r *api.ListTagsForResourceRequest) (*api.ListTagsForResourceResponse, error) {
	t, err := s.tagged(scopeOf(ctx), r.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &api.ListTagsForResourceResponse{Tags: present(t.tags)}, nil
}

// tagged is a row that carries tags, of whatever table.
type tagged struct {
	tags   []api.Tag
	change func(tx *store.Tx, to func([]api.Tag) ([]api.Tag, error)) error
}

// tagged finds what an ARN names.
func (s *Service) tagged(scope store.Scope, resourceARN string) (tagged, error) {
	kind, path, isARN, err := resource(scope, resourceARN)
	if err != nil {
		return tagged{}, err
	}
	if !isARN {
		return tagged{}, invalidParameter("Invalid identifier: %s is no ARN.", resourceARN)
	}
	id := path[strings.IndexByte(path, '/')+1:]
	switch kind {
	case "cluster":
		return taggedRow(s.Clusters, scope, id, clusterNotFound(), func(c *Cluster) *[]api.Tag { return &c.Tags })
	case "task":
		return taggedRow(s.Tasks, scope, id, resourceNotFound(), func(t *Task) *[]api.Tag { return &t.Tags })
	case "container-instance":
		return taggedRow(s.Instances, scope, id, resourceNotFound(), func(i *Instance) *[]api.Tag { return &i.Tags })
	case "task-definition":
		revision, err := revisionFrom(scope, resourceARN)
		if err != nil || revision.Number == 0 {
			return tagged{}, resourceNotFound()
		}
		return taggedRow(s.TaskDefinitions, scope, revision.Key(), resourceNotFound(), func(d *TaskDefinition) *[]api.Tag { return &d.Tags })
	}
	return tagged{}, invalidParameter("Unsupported resource type: %s", kind)
}

func taggedRow[T any](table *store.Table[T], scope store.Scope, id string, missing error, tagsOf func(*T) *[]api.Tag) (tagged, error) {
	row, ok := table.Get(scope, id)
	if !ok {
		return tagged{}, missing
	}
	change := func(tx *store.Tx, to func([]api.Tag) ([]api.Tag, error)) error {
		return table.Modify(tx, scope, id, func(v *T) (err error) {
			tags := tagsOf(v)
			*tags, err = to(*tags)
			return err
		})
	}
	return tagged{*tagsOf(row.Value), change}, nil
}
