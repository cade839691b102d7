package secretsmanager

import (
	"maps"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/secretsmanager"
)

// matches says whether a secret passes all filters.
func (n named) matches(filters []api.Filter) bool {
	return !slices.ContainsFunc(filters, func(f api.Filter) bool { return !n.passes(f) })
}

// passes says whether a secret has one of the values of a filter; a value after an exclamation mark is one that it must not have.
func (n named) passes(f api.Filter) bool {
	return slices.ContainsFunc(f.Values, func(v string) bool {
		wanted, not := strings.CutPrefix(v, "!")
		return n.said(f.Key, wanted) != not
	})
}

// said says whether something of a secret begins with a text: with regard to case in names and tags, without in descriptions.
func (n named) said(key api.FilterNameStringType, text string) bool {
	begins := func(all []string) bool {
		return slices.ContainsFunc(all, func(s string) bool { return strings.HasPrefix(s, text) })
	}
	switch key {
	case api.FilterNameStringTypeName:
		return strings.HasPrefix(n.name, text)
	case api.FilterNameStringTypeDescription:
		return anyWordBegins(n.Description, text)
	case api.FilterNameStringTypeTagKey:
		return begins(slices.Collect(maps.Keys(n.Tags)))
	case api.FilterNameStringTypeTagValue:
		return begins(slices.Collect(maps.Values(n.Tags)))
	case api.FilterNameStringTypeAll:
		all := slices.Concat([]string{n.name, n.Description}, slices.Collect(maps.Keys(n.Tags)), slices.Collect(maps.Values(n.Tags)))
		return !slices.ContainsFunc(strings.Fields(text), func(word string) bool { return !anyWordBegins(strings.Join(all, " "), word) })
	}
	return false // no secret is replicated or another service's
}

// anyWordBegins says whether a text, or what follows a separator in it, begins with another, whatever their case.
func anyWordBegins(text, with string) bool {
	text, with = strings.ToLower(text), strings.ToLower(with)
	for i := range text {
		if (i == 0 || strings.ContainsRune(" /_+=.@!-", rune(text[i-1]))) && strings.HasPrefix(text[i:], with) {
			return true
		}
	}
	return with == ""
}
