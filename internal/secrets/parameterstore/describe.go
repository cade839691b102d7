package parameterstore

import (
	"context"
	"fmt"
	"strconv"

	"github.com/berth-dev/berth/api/schema"
	api "github.com/berth-dev/berth/api/ssm"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// maxList is how many items a listing gives at most, and where it is not told.
const maxList = 50

// text is a value as it stands in a token's listing.
func text(v any) string { return fmt.Sprint(v) }

// DescribeParameters tells all of parameters but their values.
func (s *Service) DescribeParameters(ctx context.Context, in *api.DescribeParametersRequest) (*api.DescribeParametersResult, error) {
	if len(in.Filters) > 0 && len(in.ParameterFilters) > 0 {
		return nil, validation("You can use either Filters or ParameterFilters in a single request.")
	}
	filters := in.ParameterFilters
	for _, f := range in.Filters {
		filters = append(filters, api.ParameterStringFilter{Key: string(f.Key), Values: f.Values})
		if f.Key == api.ParametersFilterKeyName {
			filters[len(filters)-1].Option = beginsWith
		}
	}
	keep, err := filtersOf(filters, "Name", "Type", "KeyId", "Path", "Label", "Tier", "DataType", "tag:")
	if err != nil {
		return nil, err
	}
	if deref(in.Shared) {
		keep = func(store.Row[parameter]) bool { return false }
	}
	rows, next, err := s.page(ctx, listing{what: []string{"DescribeParameters", text(filters), text(deref(in.Shared))}, token: in.NextToken, limit: limitOf(in.MaxResults, maxList), keep: keep})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeParametersResult{Parameters: []api.ParameterMetadata{}, NextToken: next}
	for _, row := range rows {
		v := &row.Value.Latest
		out.Parameters = append(out.Parameters, api.ParameterMetadata{
			Name: row.ID, ARN: arnOf(row.Scope, row.ID), Type: api.ParameterType(v.Type), KeyId: v.KeyID, LastModifiedDate: schema.At(v.Modified), LastModifiedUser: v.User,
			Description: v.Description, AllowedPattern: v.AllowedPattern, Version: new(v.Number), Tier: api.ParameterTier(v.Tier), Policies: []api.ParameterInlinePolicy{}, DataType: dataType,
		})
	}
	return out, nil
}

// GetParameterHistory returns the versions of a parameter that are kept, oldest first.
func (s *Service) GetParameterHistory(ctx context.Context, in *api.GetParameterHistoryRequest) (*api.GetParameterHistoryResult, error) {
	f, err := s.find(scopeOf(ctx), in.Name)
	if err != nil {
		return nil, err
	}
	list := []string{"GetParameterHistory", f.name}
	after, ok := wire.After(in.NextToken, list...)
	if !ok {
		return nil, wire.Errorf(api.InvalidNextToken, "The specified token isn't valid.")
	}
	from := f.row.Oldest
	if last, err := strconv.ParseInt(after, 10, 64); err == nil {
		from = last + 1
	}
	out := &api.GetParameterHistoryResult{Parameters: []api.ParameterHistory{}}
	for number := from; number <= f.row.Latest.Number; number++ {
		if len(out.Parameters) == limitOf(in.MaxResults, maxList) {
			out.NextToken = wire.NextToken(text(number-1), list...)
			break
		}
		v, ok := s.version(f, number)
		if !ok {
			continue // it is going
		}
		value, err := s.open(f.scope, f.name, v, deref(in.WithDecryption))
		if err != nil {
			return nil, err
		}
		out.Parameters = append(out.Parameters, api.ParameterHistory{
			Name: f.name, Type: api.ParameterType(v.Type), KeyId: v.KeyID, LastModifiedDate: schema.At(v.Modified), LastModifiedUser: v.User, Description: v.Description,
			Value: value, AllowedPattern: v.AllowedPattern, Version: new(v.Number), Labels: append([]string{}, f.row.labelsOf(number)...), Tier: api.ParameterTier(v.Tier),
			Policies: []api.ParameterInlinePolicy{}, DataType: dataType,
		})
	}
	return out, nil
}
