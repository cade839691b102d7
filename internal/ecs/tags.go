package ecs

import (
	"context"
	"errors"
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
		case reservedKey(t.Key):
			return tagReserved()
		case seen[t.Key]:
			return invalidParameter("Duplicate tag keys found: %s", t.Key)
		}
		seen[t.Key] = true
	}
	return nil
}

// reservedKey tells whether tags of a key are AWS's own. They count towards no limit.
func reservedKey(key string) bool { return strings.HasPrefix(strings.ToLower(key), "aws:") }

func tagReserved() error { return invalidParameter("Tag key must not start with aws:") }

// merged is tags with more laid over them.
func merged(tags, more []api.Tag) ([]api.Tag, error) {
	out := without(tags, func(key string) bool {
		return slices.ContainsFunc(more, func(m api.Tag) bool { return m.Key == key })
	})
	out = append(out, more...)
	if len(without(out, reservedKey)) > maxTags {
		return nil, wire.Errorf(api.LimitExceededException, "A resource has at most %d tags.", maxTags)
	}
	return out, nil
}

func without(tags []api.Tag, drop func(key string) bool) []api.Tag {
	return slices.DeleteFunc(slices.Clone(tags), func(t api.Tag) bool { return drop(t.Key) })
}

// TagResource adds tags to a cluster, capacity provider, task definition, task, container instance, service or task set.
func (s *Service) TagResource(ctx context.Context, r *api.TagResourceRequest) (*api.TagResourceResponse, error) {
	if err := validateTags(r.Tags); err != nil {
		return nil, err
	}
	t, err := s.tagged(ctx, scopeOf(ctx), r.ResourceArn)
	if err != nil {
		return nil, err
	}
	return nil, s.db.Update(ctx, func(tx *store.Tx) error {
		return t.change(tx, func(tags []api.Tag) ([]api.Tag, error) { return merged(tags, r.Tags) })
	})
}

// UntagResource takes tags off a resource. Keys that it does not have are no error.
func (s *Service) UntagResource(ctx context.Context, r *api.UntagResourceRequest) (*api.UntagResourceResponse, error) {
	if slices.ContainsFunc(r.TagKeys, reservedKey) {
		return nil, tagReserved()
	}
	t, err := s.tagged(ctx, scopeOf(ctx), r.ResourceArn)
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
	t, err := s.tagged(ctx, scopeOf(ctx), r.ResourceArn)
	var answer *wire.Error
	switch {
	case errors.As(err, &answer) && answer.Code == api.ResourceNotFoundException: // which is no error of this operation
		return nil, invalidParameter("%s", answer.Message)
	case err != nil:
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
func (s *Service) tagged(ctx context.Context, scope store.Scope, resourceARN string) (tagged, error) {
	kind, path, isARN, err := resource(scope, resourceARN)
	if err != nil {
		return tagged{}, err
	}
	if !isARN {
		return tagged{}, invalidParameter("Invalid identifier: %s is no ARN.", resourceARN)
	}
	id := lastPart(path)
	if slices.Contains(ofAClusters, kind) && id == path {
		return tagged{}, invalidParameter("Long arn format must be used for tagging operations")
	}
	switch kind {
	case "cluster":
		if row, ok := s.Clusters.Get(scope, path); ok && row.Value.Status != clusterActive {
			return tagged{}, invalidParameter("The specified cluster is inactive. Specify an active cluster and try again.")
		}
		return taggedRow(s.Clusters, scope, id, clusterNotFound(), func(c *Cluster) *[]api.Tag {
			return theTags(&c.Tags, c.Status == clusterActive && id == path)
		})
	case "capacity-provider":
		if slices.ContainsFunc(builtIn, func(p *CapacityProvider) bool { return p.Name == path }) {
			return tagged{change: func(*store.Tx, func([]api.Tag) ([]api.Tag, error)) error { return reserved(path) }}, nil
		}
		return taggedRow(s.CapacityProviders, scope, id, resourceNotFound(), func(p *CapacityProvider) *[]api.Tag {
			return theTags(&p.Tags, p.Status == api.CapacityProviderStatusActive && id == path)
		})
	case "task":
		return s.taggedTask(ctx, scope, id, path)
	case "container-instance":
		return taggedRow(s.Instances, scope, id, resourceNotFound(), func(i *Instance) *[]api.Tag {
			return theTags(&i.Tags, i.shown() && i.Cluster+"/"+id == path)
		})
	case "task-definition":
		revision, err := revisionFrom(scope, resourceARN)
		if err != nil || revision.Number == 0 {
			return tagged{}, resourceNotFound()
		}
		return taggedRow(s.TaskDefinitions, scope, revision.Key(), resourceNotFound(), func(d *TaskDefinition) *[]api.Tag { return &d.Tags })
	case "service", "task-set":
		if t := s.config.Services.Tagged(scope, kind, path); t != nil {
			return tagged{t.Tags, t.Change}, nil
		}
		return tagged{}, resourceNotFound()
	case "service-deployment", "service-revision", "daemon", "daemon-task-definition":
		return tagged{}, resourceNotFound() // they have no tags, or are not there
	}
	return tagged{}, invalidParameter("Unsupported resource type: %s", kind)
}

// ofAClusters are the kinds of resources whose ARNs once were without the name of the cluster.
var ofAClusters = []string{"task", "container-instance", "service"}

// theTags are a row's tags if it is the one that was named, else nil.
func theTags(tags *[]api.Tag, named bool) *[]api.Tag {
	if !named {
		return nil
	}
	return tags
}

// taggedRow is a row of a table with the tags that tagsOf finds in it; missing is the error when there is none.
func taggedRow[T any](table *store.Table[T], scope store.Scope, id string, missing error, tagsOf func(*T) *[]api.Tag) (tagged, error) {
	row, ok := table.Get(scope, id)
	if !ok || tagsOf(row.Value) == nil {
		return tagged{}, missing
	}
	change := func(tx *store.Tx, to func([]api.Tag) ([]api.Tag, error)) error {
		err := table.Modify(tx, scope, id, func(v *T) (err error) {
			tags := tagsOf(v)
			if tags == nil {
				return missing
			}
			*tags, err = to(*tags)
			return err
		})
		if errors.Is(err, store.ErrNotFound) { // it was there a moment ago
			return missing
		}
		return err
	}
	return tagged{*tagsOf(row.Value), change}, nil
}

// taggedTask is taggedRow for a task, of which the history may have the record. The tags of one that has stopped are what they were.
func (s *Service) taggedTask(ctx context.Context, scope store.Scope, id, path string) (tagged, error) {
	task, err := s.TaskRecord(ctx, scope, id)
	switch {
	case err != nil:
		return tagged{}, err
	case task == nil || task.Cluster+"/"+id != path:
		return tagged{}, resourceNotFound()
	}
	change := func(tx *store.Tx, to func([]api.Tag) ([]api.Tag, error)) error {
		if now, ok := s.Tasks.GetTx(tx, scope, id); !ok || now.Status == Stopped {
			return invalidParameter("The specified task is stopped. Specify a running task and try again.")
		}
		return s.Tasks.Modify(tx, scope, id, func(t *Task) (err error) {
			t.Tags, err = to(t.Tags)
			return err
		})
	}
	return tagged{task.Tags, change}, nil
}
