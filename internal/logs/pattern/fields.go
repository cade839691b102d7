package pattern

import "strings"

// field is a field of a space-delimited event: text that compares as a number where one is asked for.
type field string

// fields parses the rest of [ip, user, ..., status = 4*, bytes > 1000]: a name for each field of a space-delimited event,
// conditions on some, and at most once an ellipsis for any number of fields.
func (p *parser) fields() func(string) bool {
	var conditions []condition
	index := map[string]int{} // from the end, and negative, after an ellipsis
	count, ellipsis := 0, -1
	for {
		p.space()
		if p.take("...") {
			if ellipsis >= 0 {
				p.fail()
			}
			ellipsis = count
		} else {
			if c := p.field(index, count); c != nil {
				conditions = append(conditions, c)
			}
			count++
		}
		if p.space(); p.failed || !p.take(",") {
			break
		}
	}
	if !p.take("]") {
		p.fail()
	}
	for name, i := range index {
		if ellipsis >= 0 && i >= ellipsis {
			index[name] = i - count
		}
	}
	return func(message string) bool {
		event := splitFields(message)
		if len(event) < count || ellipsis < 0 && len(event) > count {
			return false
		}
		for _, c := range conditions {
			if !c(event) {
				return false
			}
		}
		return true
	}
}

// field parses one field, a name or conditions on it, and returns the conditions or nil.
func (p *parser) field(index map[string]int, i int) condition {
	start := p.at
	name := p.word(" \t\r\n=!<>,]()&|%\"{}[")
	if name == "" {
		p.fail()
		return nil
	}
	index[name] = i
	if p.space(); strings.HasPrefix(p.rest(), ",") || strings.HasPrefix(p.rest(), "]") {
		return nil
	}
	p.at = start
	return p.anyOf(func() operand {
		if p.word(" \t\r\n=!<>,]()&|%\"{}[") != name {
			p.fail()
		}
		return func(event any) []any {
			fields := event.([]field)
			at := index[name]
			if at < 0 {
				at += len(fields)
			}
			return []any{fields[at]}
		}
	})
}

// splitFields cuts an event at spaces; what stands in quotes or square brackets is one field, without them.
func splitFields(message string) []field {
	var fields []field
	for {
		message = strings.TrimLeft(message, " ")
		if message == "" {
			return fields
		}
		if closing := map[byte]string{'"': `"`, '[': "]"}[message[0]]; closing != "" {
			if in, after, ok := strings.Cut(message[1:], closing); ok {
				fields, message = append(fields, field(in)), after
				continue
			}
		}
		one, after, _ := strings.Cut(message, " ")
		fields, message = append(fields, field(one)), after
	}
}
