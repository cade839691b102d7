package pattern

import (
	"strconv"
	"strings"
)

// test parses the value that stands on the right of an operator, and returns what compares with it.
func (p *parser) test(op string) func(any) bool {
	var equal func(string) bool
	var number float64
	numeric := false
	switch {
	case p.take("%"):
		equal = p.regex().MatchString
	case p.take(`"`):
		equal = wildcard(p.quoted('"'))
	default:
		text := p.word(" \t\r\n\"{}[]()%&|,<>=!")
		if text == "" {
			p.fail()
		}
		var err error
		number, err = strconv.ParseFloat(text, 64)
		numeric = err == nil
		equal = wildcard(text)
	}
	switch op {
	case "=":
		return func(v any) bool { return same(v, equal, numeric, number) }
	case "!=":
		return func(v any) bool { return !same(v, equal, numeric, number) }
	}
	if !numeric {
		p.fail()
		return nil
	}
	return func(v any) bool {
		n, ok := asNumber(v)
		switch op {
		case "<":
			return ok && n < number
		case "<=":
			return ok && n <= number
		case ">":
			return ok && n > number
		}
		return ok && n >= number
	}
}

// same compares for equality: as numbers when the pattern has a number and the event another, else as texts.
func same(v any, equal func(string) bool, numeric bool, number float64) bool {
	switch v := v.(type) {
	case string:
		return equal(v)
	case field:
		n, ok := asNumber(v)
		return equal(string(v)) || numeric && ok && n == number
	case float64:
		return numeric && v == number || !numeric && equal(strconv.FormatFloat(v, 'f', -1, 64))
	case bool:
		return equal(strconv.FormatBool(v))
	}
	return false
}

// asNumber reads a number; a field of a space-delimited event is one when its text is.
func asNumber(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case field:
		n, err := strconv.ParseFloat(string(v), 64)
		return n, err == nil
	}
	return 0, false
}

// wildcard matches a whole text, in which each * of the pattern stands for any characters.
func wildcard(pattern string) func(string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return func(s string) bool { return s == pattern }
	}
	first, middle, last := parts[0], parts[1:len(parts)-1], parts[len(parts)-1]
	return func(s string) bool {
		s, ok := strings.CutPrefix(s, first)
		if !ok {
			return false
		}
		for _, part := range middle {
			_, after, ok := strings.Cut(s, part)
			if !ok {
				return false
			}
			s = after
		}
		return strings.HasSuffix(s, last)
	}
}
