package query

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// subject is what the left side of a condition names.
type subject struct {
	takes []comparison
	fixed bool // it is an attribute
	test  func(c comparison, arguments []string) (func(Subject) bool, error)
}

var (
	ordering = []comparison{equal, greater, greaterEqual, less, lessEqual}
	naming   = []comparison{equal, in, match}
	all      = []comparison{equal, greater, greaterEqual, less, lessEqual, exists, in, match}
)

func subjectOf(name string) (subject, error) {
	switch name {
	case "agentConnected":
		return text(naming, func(s Subject) string { return strconv.FormatBool(s.AgentConnected()) }), nil
	case "ec2InstanceId":
		return text(naming, Subject.EC2InstanceID), nil
	case "agentVersion":
		return ordered(versionOf, func(s Subject) (version, bool) {
			v, err := versionOf(s.AgentVersion())
			return v, err == nil
		}, slices.Compare[version]), nil
	case "registeredAt":
		return ordered(dateOf, func(s Subject) (int64, bool) { return s.RegisteredAt(), true }, cmp.Compare[int64]), nil
	case "runningTasksCount":
		return ordered(strconv.Atoi, func(s Subject) (int, bool) { return s.RunningTasks(), true }, cmp.Compare[int]), nil
	case "task:group":
		return subject{takes: append([]comparison{exists}, naming...), test: group}, nil
	}
	if attribute, ok := strings.CutPrefix(name, "attribute:"); ok && attribute != "" {
		return subject{takes: all, fixed: true, test: attributeTest(attribute)}, nil
	}
	return subject{}, fmt.Errorf("unknown subject %q: subjects are agentConnected, agentVersion, attribute:NAME, ec2InstanceId, "+
		"registeredAt, runningTasksCount and task:group", name)
}

// text is a subject whose value is a string.
func text(takes []comparison, value func(Subject) string) subject {
	return subject{takes: takes, test: func(c comparison, arguments []string) (func(Subject) bool, error) {
		ok, err := compareText(c, arguments)
		if err != nil {
			return nil, err
		}
		return func(s Subject) bool { return ok(value(s)) }, nil
	}}
}

// compareText is what a comparison with arguments says of a string.
func compareText(c comparison, arguments []string) (func(string) bool, error) {
	switch c {
	case equal:
		return func(v string) bool { return v == arguments[0] }, nil
	case in:
		return func(v string) bool { return slices.Contains(arguments, v) }, nil
	case match:
		pattern, err := patternOf(arguments[0])
		if err != nil {
			return nil, err
		}
		return pattern.MatchString, nil
	}
	return func(v string) bool { return c.holds(compareValues(v, arguments[0])) }, nil
}

// compareValues compares numbers as numbers, and all else by its bytes.
func compareValues(a, b string) int {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	if errX == nil && errY == nil {
		return cmp.Compare(x, y)
	}
	return strings.Compare(a, b)
}

// attributeTest asks for an attribute. One that is absent meets no operator but the negated ones.
func attributeTest(name string) func(comparison, []string) (func(Subject) bool, error) {
	return func(c comparison, arguments []string) (func(Subject) bool, error) {
		if c == exists {
			return func(s Subject) bool {
				_, ok := s.Attribute(name)
				return ok
			}, nil
		}
		ok, err := compareText(c, arguments)
		if err != nil {
			return nil, err
		}
		return func(s Subject) bool {
			v, there := s.Attribute(name)
			return there && ok(v)
		}, nil
	}
}

// group asks for the groups of the tasks on the instance: one of them decides.
func group(c comparison, arguments []string) (func(Subject) bool, error) {
	switch c {
	case exists:
		any := &Groups{func(string) bool { return true }}
		return func(s Subject) bool { return s.InGroups(any) }, nil
	case match:
		ok, err := compareText(c, arguments)
		if err != nil {
			return nil, err
		}
		g := &Groups{ok}
		return func(s Subject) bool { return s.InGroups(g) }, nil
	}
	return func(s Subject) bool {
		for _, name := range arguments {
			if s.RunsGroup(name) {
				return true
			}
		}
		return false
	}, nil
}

// ordered is a subject whose values have an order. One that is not known meets no operator but the negated ones.
func ordered[T any](parse func(string) (T, error), value func(Subject) (T, bool), compare func(a, b T) int) subject {
	return subject{takes: ordering, test: func(c comparison, arguments []string) (func(Subject) bool, error) {
		bound, err := parse(arguments[0])
		if err != nil {
			return nil, fmt.Errorf("%q is not a value of it", arguments[0])
		}
		return func(s Subject) bool {
			v, known := value(s)
			return known && c.holds(compare(v, bound))
		}, nil
	}}
}

// holds tells whether a comparison accepts the order of the value and its argument.
func (c comparison) holds(order int) bool {
	switch c {
	case equal:
		return order == 0
	case greater:
		return order > 0
	case greaterEqual:
		return order >= 0
	case less:
		return order < 0
	case lessEqual:
		return order <= 0
	}
	return false
}

// version is an agent's version, without zeros at its end: 1.14 is 1.14.0.
type version []int

func versionOf(text string) (v version, err error) {
	// What follows a hyphen or a plus is about the build.
	if i := strings.IndexAny(text, "-+"); i >= 0 {
		text = text[:i]
	}
	for part := range strings.SplitSeq(strings.TrimPrefix(text, "v"), ".") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%q is not a version", text)
		}
		v = append(v, n)
	}
	for len(v) > 0 && v[len(v)-1] == 0 {
		v = v[:len(v)-1]
	}
	return v, nil
}

// dateOf reads the forms of dates that the developer guide has, into seconds since 1970; one without a zone is in UTC.
func dateOf(text string) (int64, error) {
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(form, text); err == nil {
			return t.Unix(), nil
		}
	}
	t, err := time.Parse(time.DateOnly, text)
	return t.Unix(), err
}
