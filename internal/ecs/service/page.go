package service

import (
	"slices"
	"strings"

	"github.com/berth-dev/berth/internal/wire"
)

// page is a part of a listing, and the token of the next part. key orders the items, and a listing goes on after the last one
// that was given, whatever has come and gone since. Without maxResults a page has as many as ECS gives by default.
func page[T any](items []T, key func(T) string, token string, maxResults *int32, standard int, listing ...string) ([]T, string, error) {
	limit := standard
	if maxResults != nil {
		if *maxResults < 1 || *maxResults > 100 {
			return nil, "", invalidParameter("maxResults must be between 1 and 100, but was %d.", *maxResults)
		}
		limit = int(*maxResults)
	}
	after, ok := wire.After(token, listing...)
	if !ok {
		return nil, "", invalidParameter("Invalid token.")
	}
	slices.SortFunc(items, func(a, b T) int { return strings.Compare(key(a), key(b)) })
	if next := slices.IndexFunc(items, func(i T) bool { return key(i) > after }); next >= 0 {
		items = items[next:]
	} else {
		items = nil
	}
	if len(items) <= limit {
		return items, "", nil
	}
	return items[:limit], wire.NextToken(key(items[limit-1]), listing...), nil
}
