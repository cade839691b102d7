package elb

import (
	"slices"
	"strconv"
	"strings"

	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// pageLimit is how many items one answer has at the most.
const pageLimit = 400

// page is the part of a listing that comes after a marker, and the marker of the next part. Keys order the items, and no two have the same.
func page[T any](items []T, key func(T) string, marker string, size *int32, listing ...string) ([]T, string, error) {
	after, ok := wire.After(marker, listing...)
	if !ok {
		return nil, "", invalid("'%s' is not a valid marker", marker)
	}
	slices.SortFunc(items, func(a, b T) int { return strings.Compare(key(a), key(b)) })
	from := 0
	if after != "" {
		var found bool
		if from, found = slices.BinarySearchFunc(items, after, func(item T, after string) int { return strings.Compare(key(item), after) }); found {
			from++
		}
	}
	items = items[from:]
	if limit := int(or(size, pageLimit)); len(items) > limit {
		return items[:limit], wire.NextToken(key(items[limit-1]), listing...), nil
	}
	return items, "", nil
}

// values are rows without what is around them.
func values[T any](rows []store.Row[T]) []*T {
	all := make([]*T, 0, len(rows))
	for _, row := range rows {
		all = append(all, row.Value)
	}
	return all
}

// byARN are the things with these ARNs, each once.
func (k kind[T]) byARN(scope store.Scope, arns []string) (found []*T, err error) {
	var seen []string
	for _, arn := range arns {
		if slices.Contains(seen, arn) {
			continue
		}
		seen = append(seen, arn)
		id, err := k.id(scope, arn)
		if err != nil && !wellFormed(k.prefix, arn) {
			return nil, err
		}
		row, ok := k.table.Get(scope, id)
		if err != nil || !ok {
			return nil, wire.Errorf(k.code, "One or more %ss not found", strings.TrimPrefix(k.what, "listener "))
		}
		found = append(found, row.Value)
	}
	return found, nil
}

func wellFormed(prefix, arn string) bool {
	_, _, ok := parseARN(prefix, arn)
	return ok
}

// between tells whether text is a number from least to most.
func between(text string, least, most int) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n >= least && n <= most
}
