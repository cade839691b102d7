package pattern

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// json parses the rest of { an expression over a JSON event }. A message that is no JSON object matches nothing.
func (p *parser) json() func(string) bool {
	expression := p.anyOf(p.selector)
	if p.space(); !p.take("}") {
		p.fail()
	}
	return func(message string) bool {
		if !strings.HasPrefix(strings.TrimLeft(message, " \t\r\n"), "{") {
			return false
		}
		var event map[string]any
		err := json.Unmarshal([]byte(message), &event, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		return err == nil && expression(event)
	}
}

// step goes from a value to some of what it holds.
type step func(value any, to []any) []any

// selector parses $.a.b[0].*['c d'] and the like.
func (p *parser) selector() operand {
	if !p.take("$") {
		p.fail()
	}
	var steps []step
	for !p.failed {
		switch {
		case p.take(".["), p.take("["):
			steps = append(steps, p.bracket())
			continue
		case p.take(".*"):
			steps = append(steps, each)
			continue
		case p.take("."):
			name := p.word(" \t\r\n.[]=!<>(){}&|,\"'%*")
			if name == "" {
				p.fail()
			}
			steps = append(steps, member(name))
			continue
		}
		break
	}
	if len(steps) == 0 {
		p.fail()
	}
	return func(event any) []any {
		values := []any{event}
		for _, step := range steps {
			var next []any
			for _, v := range values {
				next = step(v, next)
			}
			values = next
		}
		return values
	}
}

// bracket parses what follows an opening bracket: an index, a quoted name or a star.
func (p *parser) bracket() step {
	var s step
	switch {
	case p.take("*"):
		s = each
	case p.take("'"):
		s = member(p.quoted('\''))
	case p.take(`"`):
		s = member(p.quoted('"'))
	default:
		index, err := strconv.ParseUint(p.word("]"), 10, 31)
		if err != nil {
			p.fail()
		}
		s = element(int(index))
	}
	if !p.take("]") {
		p.fail()
	}
	return s
}

func member(name string) step {
	return func(value any, to []any) []any {
		if object, ok := value.(map[string]any); ok {
			if v, ok := object[name]; ok {
				to = append(to, v)
			}
		}
		return to
	}
}

func element(index int) step {
	return func(value any, to []any) []any {
		if array, ok := value.([]any); ok && index < len(array) {
			to = append(to, array[index])
		}
		return to
	}
}

func each(value any, to []any) []any {
	switch v := value.(type) {
	case map[string]any:
		for _, value := range v {
			to = append(to, value)
		}
	case []any:
		to = append(to, v...)
	}
	return to
}
