package vpc

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/ec2"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// kind is what the listings of one kind of thing differ in.
type kind[T any] struct {
	operation string
	table     *store.Table[T]
	fields    fields[T]
	id        func(*T) string

	idPrefix  string // "vpc-"
	ids       string // the request's name for them: "VpcIds"
	malformed string // error codes
	notFound  string
	missing   string // the text of notFound, with the id
}

// listing is what a request asks for.
type listing struct {
	ids     []string
	filters []api.Filter
	max     *int32
	token   string
	dryRun  *bool
}

// pageLimit is how many items one answer has at the most, as EC2 has it.
const pageLimit = 1000

// list returns the scope's items that the request asks for, in order of their ids, and the token of the next page.
func (k kind[T]) list(s *Service, ctx context.Context, ask listing) ([]*T, string, error) {
	scope := scopeOf(ctx)
	if err := s.EnsureDefault(ctx, scope); err != nil {
		return nil, "", err
	}
	if err := dryRun(ask.dryRun); err != nil {
		return nil, "", err
	}
	passes, err := k.fields.matcher(ask.filters)
	if err != nil {
		return nil, "", err
	}
	if len(ask.ids) > 0 {
		if ask.max != nil {
			return nil, "", wire.Errorf("InvalidParameterCombination", "The parameter %s cannot be used with the parameter MaxResults", k.ids)
		}
		items, err := k.byID(scope, ask.ids, passes)
		return items, "", err
	}
	return k.page(scope, ask, passes)
}

func (k kind[T]) byID(scope store.Scope, ids []string, passes func(*T) bool) (items []*T, err error) {
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		if !wellFormed(k.idPrefix, id) {
			return nil, wire.Errorf(k.malformed, `Invalid id: "%s" (expecting "%s...")`, id, k.idPrefix)
		}
		row, ok := k.table.Get(scope, id)
		if !ok {
			return nil, wire.Errorf(k.notFound, k.missing, id)
		}
		if passes(row.Value) {
			items = append(items, row.Value)
		}
	}
	return items, nil
}

func (k kind[T]) page(scope store.Scope, ask listing, passes func(*T) bool) (items []*T, next string, err error) {
	limit := pageLimit
	if ask.max != nil {
		limit = int(*ask.max)
	}
	mark := []string{k.operation, scope.String()}
	for _, f := range ask.filters {
		mark = append(mark, f.Name+"="+strings.Join(f.Values, ","))
	}
	after, ok := wire.After(ask.token, mark...)
	if !ok {
		return nil, "", wire.Errorf("InvalidNextToken", "The token '%s' is invalid", ask.token)
	}
	rows, _ := k.table.List(scope, store.Page{After: after})
	for _, row := range rows {
		if !passes(row.Value) {
			continue
		}
		if len(items) == limit {
			return items, wire.NextToken(k.id(items[limit-1]), mark...), nil
		}
		items = append(items, row.Value)
	}
	return items, "", nil
}

var hexadecimal = regexp.MustCompile(`^([0-9a-f]{8}|[0-9a-f]{17})$`)

func wellFormed(prefix, id string) bool {
	digits, ok := strings.CutPrefix(id, prefix)
	return ok && hexadecimal.MatchString(digits)
}

// dryRun ends a request that only asks whether it would be allowed.
func dryRun(asked *bool) error {
	if asked == nil || !*asked {
		return nil
	}
	err := wire.Errorf("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
	err.Status = http.StatusPreconditionFailed
	return err
}

func ptr[T any](v T) *T { return &v }
