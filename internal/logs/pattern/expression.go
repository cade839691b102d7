package pattern

import "strings"

// An operand yields the values that it has in an event: none when what it selects is absent, several after a wildcard.
// A value is a string, a float64, a bool, nil, or an object or array.
type operand func(event any) []any

// condition is a parsed expression.
type condition func(event any) bool

// anyOf parses conditions joined by || and, binding tighter, &&. operand parses what stands on the left of a comparison.
func (p *parser) anyOf(operand func() operand) condition {
	list := []condition{p.allOf(operand)}
	for p.space(); !p.failed && p.take("||"); p.space() {
		list = append(list, p.allOf(operand))
	}
	return func(event any) bool {
		for _, c := range list {
			if c(event) {
				return true
			}
		}
		return false
	}
}

func (p *parser) allOf(operand func() operand) condition {
	list := []condition{p.one(operand)}
	for p.space(); !p.failed && p.take("&&"); p.space() {
		list = append(list, p.one(operand))
	}
	return func(event any) bool {
		for _, c := range list {
			if !c(event) {
				return false
			}
		}
		return true
	}
}

func (p *parser) one(operand func() operand) condition {
	p.space()
	if !p.take("(") {
		return p.comparison(operand())
	}
	if p.depth++; p.depth > maxDepth {
		p.fail()
		return nil
	}
	c := p.anyOf(operand)
	p.depth--
	if p.space(); !p.take(")") {
		p.fail()
	}
	return c
}

// comparison parses what follows an operand.
func (p *parser) comparison(left operand) condition {
	p.space()
	for _, op := range []string{"!=", "<=", ">=", "=", "<", ">"} {
		if p.take(op) {
			p.space()
			return holdsForAny(left, p.test(op))
		}
	}
	switch strings.ToUpper(strings.Join(strings.Fields(p.word(")&|}],")), " ")) {
	case "EXISTS":
		return func(event any) bool { return len(left(event)) > 0 }
	case "NOT EXISTS":
		return func(event any) bool { return len(left(event)) == 0 }
	case "IS NULL":
		return holdsForAny(left, func(v any) bool { return v == nil })
	case "IS TRUE":
		return holdsForAny(left, func(v any) bool { return v == true })
	case "IS FALSE":
		return holdsForAny(left, func(v any) bool { return v == false })
	}
	p.fail()
	return nil
}

func holdsForAny(left operand, test func(any) bool) condition {
	return func(event any) bool {
		for _, v := range left(event) {
			if test(v) {
				return true
			}
		}
		return false
	}
}
