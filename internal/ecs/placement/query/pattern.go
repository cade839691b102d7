package query

import (
	"fmt"
	"regexp"
	"regexp/syntax"
)

// Bounds of a regular expression.
const (
	maxRegexp = 1000   // bytes
	maxSize   = 10_000 // instructions, about
)

// patternOf compiles a regular expression that matches whole values. It is compiled by itself first: what is put around
// it must not complete it. Repetitions are counted before they are written out, for they multiply.
func patternOf(text string) (*regexp.Regexp, error) {
	if len(text) > maxRegexp {
		return nil, fmt.Errorf("the regular expression is longer than %d bytes", maxRegexp)
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("%q is not a regular expression: %w", text, err)
	}
	if size(tree) > maxSize {
		return nil, fmt.Errorf("the repetitions of the regular expression %q come to too much", text)
	}
	pattern, err := regexp.Compile(`^(?:` + text + `)$`)
	if err != nil {
		return nil, fmt.Errorf("%q is not a regular expression: %w", text, err)
	}
	return pattern, nil
}

// size is how many instructions a regular expression takes, about; beyond maxSize it may be too small, but not below it.
func size(r *syntax.Regexp) int {
	n := 1 + len(r.Rune)
	for _, part := range r.Sub {
		n += min(size(part), maxSize+1)
	}
	if r.Op == syntax.OpRepeat {
		n *= max(r.Min, r.Max, 1)
	}
	return min(n, maxSize+1)
}
