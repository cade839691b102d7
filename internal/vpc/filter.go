package vpc

import (
	"regexp"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/ec2"
	"github.com/berth-dev/berth/internal/wire"
)

// fields are what filters may ask of a T: a filter's name, and the values that one of its own has to match.
type fields[T any] map[string]func(*T) []string

// matcher makes the test that items have to pass: every filter, by any of its values.
func (f fields[T]) matcher(filters []api.Filter) (func(*T) bool, error) {
	var tests []func(*T) bool
	for _, filter := range filters {
		values, known := f[filter.Name]
		if isTagFilter(filter.Name) {
			values, known = none[T], true // nothing here has a tag yet
		}
		if !known {
			return nil, wire.Errorf("InvalidParameterValue", "The filter '%s' is invalid", filter.Name)
		}
		if len(filter.Values) == 0 {
			return nil, wire.Errorf("InvalidParameterValue", "The filter '%s' needs a value", filter.Name)
		}
		pattern := wildcards(filter.Values)
		tests = append(tests, func(item *T) bool { return slices.ContainsFunc(values(item), pattern.MatchString) })
	}
	return func(item *T) bool {
		return !slices.ContainsFunc(tests, func(passes func(*T) bool) bool { return !passes(item) })
	}, nil
}

func isTagFilter(name string) bool { return name == "tag-key" || strings.HasPrefix(name, "tag:") }

// wildcards matches what one of a filter's values does: * stands for any characters, ? for one, \ takes the next as it is.
func wildcards(values []string) *regexp.Regexp {
	var alternatives []string
	for _, value := range values {
		var pattern strings.Builder
		escaped := false
		for _, c := range value {
			switch {
			case escaped, !strings.ContainsRune(`*?\`, c):
				pattern.WriteString(regexp.QuoteMeta(string(c)))
				escaped = false
			case c == '*':
				pattern.WriteString(".*")
			case c == '?':
				pattern.WriteString(".")
			default:
				escaped = true
			}
		}
		if escaped { // nothing came after it
			pattern.WriteString(`\\`)
		}
		alternatives = append(alternatives, pattern.String())
	}
	return regexp.MustCompile(`(?s)^(?:` + strings.Join(alternatives, "|") + `)$`)
}

// one is the values of a field that has exactly one.
func one[T any](value func(*T) string) func(*T) []string {
	return func(item *T) []string { return []string{value(item)} }
}

// constant is the values of a field that is the same for all.
func constant[T any](value string) func(*T) []string {
	return func(*T) []string { return []string{value} }
}

// none is the values of a field that nothing here has.
func none[T any](*T) []string { return nil }
