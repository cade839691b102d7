package query

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A random expression, as text and as what it says of a box by plain Go.

type drawn struct {
	text string
	says func(*box) bool
}

func drawCondition(t *rapid.T) drawn {
	one := func(list ...string) string { return rapid.SampledFrom(list).Draw(t, "one") }
	value := one("a", "b", "c")
	name := one("x", "y", "none")
	is := func(b *box) bool { v, ok := b.attributes[name]; return ok && v == value }
	exists := func(b *box) bool { _, ok := b.attributes[name]; return ok }
	no := func(f func(*box) bool) func(*box) bool { return func(b *box) bool { return !f(b) } }
	count := rapid.IntRange(0, 3).Draw(t, "count")
	group := func(b *box) bool { return strings.Contains(strings.Join(b.groups, " "), value) }
	switch rapid.IntRange(0, 8).Draw(t, "condition") {
	case 0:
		return drawn{fmt.Sprintf("attribute:%s %s %s", name, one("==", "equals"), value), is}
	case 1:
		return drawn{fmt.Sprintf("attribute:%s%s%q", name, one("!=", " not_equals "), value), no(is)}
	case 2:
		return drawn{fmt.Sprintf("attribute:%s exists", name), exists}
	case 3:
		return drawn{fmt.Sprintf("attribute:%s %s", name, one("!exists", "not_exists")), no(exists)}
	case 4:
		return drawn{fmt.Sprintf("attribute:%s %s [%s,'%s']", name, one("in", "in "), value, value), is}
	case 5:
		return drawn{fmt.Sprintf("attribute:%s %s (%s|%s)", name, one("!~", "not_matches"), value, value), no(is)}
	case 6:
		return drawn{fmt.Sprintf("runningTasksCount %s %d", one(">=", "greater_than_equal"), count), func(b *box) bool { return b.running >= count }}
	case 7:
		return drawn{fmt.Sprintf("runningTasksCount<%d", count), func(b *box) bool { return b.running < count }}
	}
	return drawn{fmt.Sprintf("task:group == %s", value), group}
}

// drawTree writes parentheses only where the precedence of the operators asks for them, or by chance.
func drawTree(t *rapid.T, depth int) (e drawn, binds int) {
	kind := rapid.IntRange(0, 4).Draw(t, "kind")
	if depth == 0 || kind < 2 {
		return drawCondition(t), 3
	}
	inside := func(least int) drawn {
		e, binds := drawTree(t, depth-1)
		if binds < least || rapid.IntRange(0, 3).Draw(t, "parentheses") == 0 {
			e.text = "(" + e.text + ")"
		}
		return e
	}
	one := func(list ...string) string { return rapid.SampledFrom(list).Draw(t, "one") }
	switch kind {
	case 2:
		of := inside(2)
		return drawn{one("not ", "!", "! ") + of.text, func(b *box) bool { return !of.says(b) }}, 2
	case 3:
		left, right := inside(1), inside(2)
		return drawn{left.text + one(" and ", " && ") + right.text, func(b *box) bool { return left.says(b) && right.says(b) }}, 1
	}
	left, right := inside(0), inside(1)
	return drawn{left.text + one(" or ", " || ") + right.text, func(b *box) bool { return left.says(b) || right.says(b) }}, 0
}

func TestExpressionsSayWhatTheyShould(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want, _ := drawTree(t, 4)
		e, err := Parse(want.text)
		if err != nil {
			if strings.Contains(err.Error(), "longer than") {
				return
			}
			t.Fatalf("%s: %v", want.text, err)
		}
		for range 5 {
			b := &box{attributes: map[string]string{}, running: rapid.IntRange(0, 3).Draw(t, "running"),
				groups: rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), rapid.ID).Draw(t, "groups")}
			for _, name := range []string{"x", "y"} {
				if rapid.Bool().Draw(t, name) {
					b.attributes[name] = rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "value")
				}
			}
			if got := e.Matches(b); got != want.says(b) {
				t.Fatalf("%s of %+v: %v", want.text, b, got)
			}
		}
	})
}
