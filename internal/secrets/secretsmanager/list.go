package secretsmanager

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	api "github.com/berth-dev/berth/api/secretsmanager"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// maxList is how many items a listing gives at most, and where it is not told.
const maxList = 100

func limitOf(asked *int32, most int) int {
	if asked == nil {
		return most
	}
	return min(int(*asked), most)
}

// ListSecrets lists secrets, filtered and in an order; those that are to be deleted only when they are asked for.
func (s *Service) ListSecrets(ctx context.Context, in *api.ListSecretsRequest) (*api.ListSecretsResponse, error) {
	names, next, err := s.page(ctx, listing{filters: in.Filters, by: in.SortBy, order: in.SortOrder, deleted: deref(in.IncludePlannedDeletion),
		limit: limitOf(in.MaxResults, maxList), token: in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &api.ListSecretsResponse{SecretList: []api.SecretListEntry{}, NextToken: next}
	for _, name := range names {
		if row, ok := s.secrets.Get(scopeOf(ctx), name); ok {
			out.SecretList = append(out.SecretList, named{row.Value, row.Scope, name}.entry())
		}
	}
	return out, nil
}

// listing says which secrets are listed, in which order, and from where on.
type listing struct {
	filters []api.Filter
	by      api.SortByType
	order   api.SortOrderType
	deleted bool
	limit   int
	token   string
}

// rank is what a secret is ordered by: a text that sorts as it does.
func (l listing) rank(n named) string {
	at := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000") }
	switch l.by {
	case api.SortByTypeName:
		return ""
	case api.SortByTypeLastAccessedDate:
		return at(n.Accessed)
	case api.SortByTypeLastChangedDate:
		return at(n.Changed)
	}
	return at(n.Created)
}

// page returns the names of one page, and the token of the next.
func (s *Service) page(ctx context.Context, l listing) (names []string, next string, err error) {
	what := []string{"ListSecrets", fmt.Sprint(l.filters, l.deleted), string(l.by), string(l.order)}
	after, ok := wire.After(l.token, what...)
	if !ok {
		return nil, "", errToken
	}
	var keys []string // rank and name
	ends := map[string]string{}
	rows, _ := s.secrets.List(scopeOf(ctx), store.Page{})
	for _, row := range rows {
		n := named{row.Value, row.Scope, row.ID}
		if n.gone(s.now()) || !n.Deletion.IsZero() && !l.deleted || !n.matches(l.filters) {
			continue
		}
		key := l.rank(n) + " " + n.name
		keys, ends[key] = append(keys, key), n.name
	}
	order := cmp.Compare[string]
	if l.order == api.SortOrderTypeDesc {
		order = func(a, b string) int { return cmp.Compare(b, a) }
	}
	slices.SortFunc(keys, order)
	for _, key := range keys {
		if after != "" && order(key, after) <= 0 {
			continue
		}
		if len(names) == l.limit {
			return names, next, nil
		}
		names, next = append(names, ends[key]), wire.NextToken(key, what...)
	}
	return names, "", nil
}
