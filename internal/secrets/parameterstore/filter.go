package parameterstore

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/ssm"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// The options of filters.
const (
	equals     = "Equals"
	beginsWith = "BeginsWith"
	contains   = "Contains"
	recursive  = "Recursive"
	oneLevel   = "OneLevel"
)

type keep func(store.Row[parameter]) bool

// filtersOf is what filters let through, each by one of its values. keys are those that the operation has; "tag:" begins one.
func filtersOf(filters []api.ParameterStringFilter, keys ...string) (keep, error) {
	var all []keep
	given := map[string]bool{}
	for _, f := range filters {
		known := slices.Contains(keys, f.Key) || strings.HasPrefix(f.Key, "tag:") && slices.Contains(keys, "tag:")
		switch {
		case !known:
			return nil, wire.Errorf(api.InvalidFilterKey, "The following filter key is not valid: %s. Valid filter keys include: [%s].", f.Key, strings.Join(keys, ", "))
		case given[f.Key]:
			return nil, wire.Errorf(api.InvalidFilterKey, "The following filter is duplicated in the request: %s. A request can contain only one occurrence of a specific filter.", f.Key)
		}
		given[f.Key] = true
		one, err := filterOf(f)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return func(row store.Row[parameter]) bool {
		return !slices.ContainsFunc(all, func(k keep) bool { return !k(row) })
	}, nil
}

func filterOf(f api.ParameterStringFilter) (keep, error) {
	tag, isTag := strings.CutPrefix(f.Key, "tag:")
	if len(f.Values) == 0 && !isTag {
		return nil, wire.Errorf(api.InvalidFilterValue, "The following filter values are missing : null for filter key %s.", f.Key)
	}
	options := []string{equals, beginsWith}
	switch {
	case f.Key == "Path":
		options = []string{oneLevel, recursive}
	case f.Key == "Name":
		options = append(options, contains)
	case isTag, f.Key == "Type", f.Key == "Label", f.Key == "Tier", f.Key == "DataType":
		options = options[:1]
	}
	option := cmp.Or(f.Option, options[0])
	if !slices.Contains(options, option) {
		return nil, wire.Errorf(api.InvalidFilterOption, "The following filter option is not valid: %s. Valid options include: [%s].", option, strings.Join(options, ", "))
	}
	if f.Key == "Path" {
		for _, path := range f.Values {
			if !strings.HasPrefix(path, "/") {
				return nil, validation("The parameter doesn't meet the parameter name requirements: the path %s does not begin with a forward slash.", path)
			}
		}
		return func(row store.Row[parameter]) bool {
			return slices.ContainsFunc(f.Values, func(path string) bool { return below(path, row.ID, option == recursive) })
		}, nil
	}
	return func(row store.Row[parameter]) bool {
		return slices.ContainsFunc(member(row, f.Key, tag), func(has string) bool {
			return len(f.Values) == 0 || slices.ContainsFunc(f.Values, func(want string) bool { return compare(option, has, want) })
		})
	}, nil
}

func compare(option, has, want string) bool {
	switch option {
	case beginsWith:
		return strings.HasPrefix(has, want)
	case contains:
		return strings.Contains(has, want)
	}
	return has == want
}

// member is what a parameter has for a filter's key.
func member(row store.Row[parameter], key, tag string) []string {
	p := row.Value
	switch key {
	case "Name":
		return []string{row.ID, strings.TrimPrefix(row.ID, "/")}
	case "Type":
		return []string{p.Latest.Type}
	case "KeyId":
		return []string{p.Latest.KeyID}
	case "Tier":
		return []string{p.Latest.Tier}
	case "DataType":
		return []string{dataType}
	case "Label":
		return slices.Collect(maps.Keys(p.Labels))
	}
	if v, ok := p.Tags[tag]; ok {
		return []string{v}
	}
	return nil
}
