package ecs

import (
	"context"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// ListTaskDefinitions lists the ARNs of revisions by family and number. familyPrefix names one whole family.
func (s *Service) ListTaskDefinitions(ctx context.Context, r *api.ListTaskDefinitionsRequest) (*api.ListTaskDefinitionsResponse, error) {
	scope := scopeOf(ctx)
	status := r.Status
	if status == "" {
		status = api.TaskDefinitionStatusActive
	}
	p, err := pagingOf(r.NextToken, r.MaxResults, "task definitions", r.FamilyPrefix, string(status), string(r.Sort))
	if err != nil {
		return nil, err
	}
	index, key := definitionsByStatus, string(status)
	if r.FamilyPrefix != "" {
		index, key = definitionsByFamily, familyKey(r.FamilyPrefix, status)
	}
	pages := func(page store.Page) ([]store.Row[TaskDefinition], string) {
		return s.TaskDefinitions.FindPage(scope, index, key, page)
	}
	if r.Sort == api.SortOrderDesc {
		pages = descending(slices.Collect(s.TaskDefinitions.Find(scope, index, key)))
	}
	rows, token := list(p, pages, every)
	return &api.ListTaskDefinitionsResponse{NextToken: token, TaskDefinitionArns: each(rows, func(row store.Row[TaskDefinition]) string {
		return row.Value.Definition.TaskDefinitionArn
	})}, nil
}

// descending pages through rows from the last to the first.
func descending[T any](rows []store.Row[T]) func(store.Page) ([]store.Row[T], string) {
	slices.Reverse(rows)
	return func(page store.Page) ([]store.Row[T], string) {
		rest := rows
		if page.After != "" {
			i := slices.IndexFunc(rows, func(r store.Row[T]) bool { return r.ID < page.After })
			if i < 0 {
				return nil, ""
			}
			rest = rows[i:]
		}
		if len(rest) <= page.Limit {
			return rest, ""
		}
		return rest[:page.Limit], rest[page.Limit-1].ID
	}
}

// ListTaskDefinitionFamilies lists the names of families that begin with familyPrefix.
func (s *Service) ListTaskDefinitionFamilies(ctx context.Context, r *api.ListTaskDefinitionFamiliesRequest) (*api.ListTaskDefinitionFamiliesResponse, error) {
	scope := scopeOf(ctx)
	p, err := pagingOf(r.NextToken, r.MaxResults, "families", r.FamilyPrefix, string(r.Status))
	if err != nil {
		return nil, err
	}
	rows, token := list(p, func(page store.Page) ([]store.Row[Family], string) { return s.Families.List(scope, page) },
		func(row store.Row[Family]) bool {
			return strings.HasPrefix(row.ID, r.FamilyPrefix) && s.familyHas(scope, row.ID, r.Status)
		})
	return &api.ListTaskDefinitionFamiliesResponse{NextToken: token, Families: each(rows, func(row store.Row[Family]) string { return row.ID })}, nil
}

// familyHas tells whether a family is of a status: ACTIVE with at least one active revision, INACTIVE with others alone. One
// whose revisions are all deleted is of none.
func (s *Service) familyHas(scope store.Scope, family string, status api.TaskDefinitionFamilyStatus) bool {
	has := func(status api.TaskDefinitionStatus) bool {
		return s.TaskDefinitions.Count(scope, definitionsByFamily, familyKey(family, status)) > 0
	}
	active := has(api.TaskDefinitionStatusActive)
	inactive := has(api.TaskDefinitionStatusInactive) || has(api.TaskDefinitionStatusDeleteInProgress)
	switch status {
	case api.TaskDefinitionFamilyStatusActive:
		return active
	case api.TaskDefinitionFamilyStatusInactive:
		return inactive && !active
	}
	return active || inactive
}

func familyKey(family string, status api.TaskDefinitionStatus) string {
	return family + "/" + string(status)
}
