package parameterstore

import (
	"context"
	"strings"

	api "github.com/berth-dev/berth/api/ssm"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// GetParameter returns a parameter by its name or ARN, with or without ":version" or ":label". The answer has the name that was asked for.
func (s *Service) GetParameter(ctx context.Context, in *api.GetParameterRequest) (*api.GetParameterResult, error) {
	f, err := s.find(scopeOf(ctx), in.Name)
	if err != nil {
		return nil, err
	}
	p, err := s.described(f, deref(in.WithDecryption))
	return &api.GetParameterResult{Parameter: p}, err
}

// GetParameters returns up to ten parameters likewise. Those that are not there are named.
func (s *Service) GetParameters(ctx context.Context, in *api.GetParametersRequest) (*api.GetParametersResult, error) {
	out := &api.GetParametersResult{Parameters: []api.Parameter{}, InvalidParameters: []string{}}
	asked := map[string]bool{}
	for _, name := range in.Names {
		if asked[name] {
			return nil, validation("Duplicate parameter names are not allowed: %s", name)
		}
		asked[name] = true
	}
	for _, name := range in.Names {
		f, err := s.find(scopeOf(ctx), name)
		if err != nil {
			out.InvalidParameters = append(out.InvalidParameters, name)
			continue
		}
		p, err := s.described(f, deref(in.WithDecryption))
		if err != nil {
			return nil, err
		}
		out.Parameters = append(out.Parameters, *p)
	}
	return out, nil
}

// maxByPath is how many parameters GetParametersByPath returns at most, and where it is not told.
const maxByPath = 10

// GetParametersByPath returns a page of the parameters below a path, one level deep or all.
func (s *Service) GetParametersByPath(ctx context.Context, in *api.GetParametersByPathRequest) (*api.GetParametersByPathResult, error) {
	if !strings.HasPrefix(in.Path, "/") || strings.Contains(in.Path, "//") {
		return nil, validation("The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash \"/\". It can't be prefixed " +
			"with \"aws\" or \"ssm\" (case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). " +
			"Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol \"/\".")
	}
	keep, err := filtersOf(in.ParameterFilters, "Type", "KeyId", "Label", "DataType")
	if err != nil {
		return nil, err
	}
	out := &api.GetParametersByPathResult{Parameters: []api.Parameter{}}
	recursive := deref(in.Recursive)
	rows, next, err := s.page(ctx, listing{
		what: []string{"GetParametersByPath", in.Path, text(recursive), text(in.ParameterFilters)}, token: in.NextToken, limit: limitOf(in.MaxResults, maxByPath),
		keep: func(row store.Row[parameter]) bool { return below(in.Path, row.ID, recursive) && keep(row) },
	})
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		p, err := s.described(found{scope: row.Scope, name: row.ID, asked: row.ID, row: row.Value, version: &row.Value.Latest}, deref(in.WithDecryption))
		if err != nil {
			return nil, err
		}
		out.Parameters = append(out.Parameters, *p)
	}
	out.NextToken = next
	return out, nil
}

// below says whether a parameter is under a path. One without a slash is at the top.
func below(path, name string, recursive bool) bool {
	if path = strings.TrimSuffix(path, "/") + "/"; !strings.HasPrefix(name, "/") {
		name = "/" + name
	}
	rest, ok := strings.CutPrefix(name, path)
	return ok && rest != "" && (recursive || !strings.Contains(rest, "/"))
}

// listing is a page of parameters, in order of their names.
type listing struct {
	what  []string // what is listed: a token is good for that alone
	token string
	limit int
	keep  func(store.Row[parameter]) bool
}

func (s *Service) page(ctx context.Context, l listing) (rows []store.Row[parameter], next string, err error) {
	after, ok := wire.After(l.token, l.what...)
	if !ok {
		return nil, "", wire.Errorf(api.InvalidNextToken, "The specified token isn't valid.")
	}
	for {
		page, more := s.parameters.List(scopeOf(ctx), store.Page{After: after, Limit: 500})
		for _, row := range page {
			if !l.keep(row) {
				continue
			}
			if len(rows) == l.limit {
				return rows, wire.NextToken(rows[len(rows)-1].ID, l.what...), nil
			}
			rows = append(rows, row)
		}
		if more == "" {
			return rows, "", nil
		}
		after = more
	}
}

func limitOf(asked *int32, most int) int {
	if asked == nil {
		return most
	}
	return min(int(*asked), most)
}
