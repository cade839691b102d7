package ecs

import (
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// maxPage is the most, and by default the number, of items on a page.
const maxPage = 100

// paging is where a listing goes on, and how many items it gives.
type paging struct {
	listing []string // what is listed: a token is good for that alone
	after   string   // id of the last item given
	limit   int
}

func pagingOf(token string, maxResults *int32, listing ...string) (paging, error) {
	return pagingUpTo(maxPage, token, maxResults, listing...)
}

// pagingUpTo is the paging of a listing whose pages have another most, and default, number of items.
func pagingUpTo(most int, token string, maxResults *int32, listing ...string) (paging, error) {
	p := paging{listing: listing, limit: most}
	if maxResults != nil {
		if *maxResults < 1 || int(*maxResults) > most {
			return p, invalidParameter("maxResults must be between 1 and %d, but was %d.", most, *maxResults)
		}
		p.limit = int(*maxResults)
	}
	var ok bool
	if p.after, ok = wire.After(token, listing...); !ok {
		return p, invalidParameter("Invalid token.")
	}
	return p, nil
}

// list collects one page of the rows that keep wants, in order of their ids, and the token of the next page.
func list[T any](p paging, rows func(store.Page) ([]store.Row[T], string), keep func(store.Row[T]) bool) (out []store.Row[T], token string) {
	after := p.after
	for {
		page, next := rows(store.Page{After: after, Limit: p.limit + 1})
		for _, r := range page {
			if !keep(r) {
				continue
			}
			if len(out) == p.limit {
				return out, wire.NextToken(out[len(out)-1].ID, p.listing...)
			}
			out = append(out, r)
		}
		if next == "" {
			return out, ""
		}
		after = next
	}
}

func every[T any](store.Row[T]) bool { return true }

// each is what of makes of every row; without rows it is an empty list, not an absent one.
func each[T any](rows []store.Row[T], of func(store.Row[T]) string) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = of(r)
	}
	return out
}
