package compatibility

import (
	"slices"
	"strings"
	"testing"

	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/wire"
)

// sampler makes inputs of an operation that satisfy its model, to ask a server about one member at a time.
type sampler struct {
	t        *testing.T
	shapes   map[string]*schema.Shape
	input    string
	accepted map[string][]string // by path, of refused members
}

func newSampler(t *testing.T, api *schema.Service, op wire.OperationInfo) *sampler {
	s := &sampler{t: t, shapes: map[string]*schema.Shape{}, accepted: map[string][]string{}}
	for i := range api.Shapes {
		s.shapes[api.Shapes[i].Name] = &api.Shapes[i]
	}
	for _, o := range api.Operations {
		if o.Name == op.Name {
			s.input = o.Input
		}
	}
	for _, m := range flat(op.Members) {
		s.accepted[m.Path] = m.Accepted
	}
	return s
}

// flat lists members and those inside them.
func flat(members []wire.MemberInfo) (all []wire.MemberInfo) {
	for _, m := range members {
		all = append(append(all, m), flat(m.Members)...)
	}
	return all
}

// with is an input that has what is required, and the member set to something that is not its default.
func (s *sampler) with(path string) any {
	return s.structure(s.shapes[s.input], "", strings.Split(path, "."))
}

func (s *sampler) structure(shape *schema.Shape, at string, path []string) map[string]any {
	out := map[string]any{}
	for _, m := range shape.Members {
		switch wanted := len(path) > 0 && m.Name == path[0]; {
		case wanted:
			out[m.Name] = s.value(m.Shape, at+m.Name, path[1:], true)
		case m.Required:
			out[m.Name] = s.value(m.Shape, at+m.Name, nil, false)
		}
	}
	return out
}

// value is one of the shape: of the member that is asked about, or on the way to it, when asked is true.
func (s *sampler) value(name, at string, path []string, asked bool) any {
	shape := s.shapes[name]
	switch shape.Kind {
	case schema.Structure:
		if asked && len(path) == 0 { // the structure itself: one with anything in it
			return s.structure(shape, at+".", []string{shape.Members[0].Name})
		}
		return s.structure(shape, at+".", path)
	case schema.List:
		return []any{s.value(shape.Elem.Shape, at, path, asked)}
	case schema.Map:
		return map[string]any{"key": s.value(shape.Elem.Shape, at, path, asked)}
	case schema.Boolean:
		return asked
	case schema.String:
		return s.text(shape, at, asked)
	case schema.Timestamp:
		return 1.5
	default:
		number := 1.0
		if l := shape.Limits; l != nil && l.HasMin {
			number = max(number, l.Min)
		}
		return number
	}
}

// text is a string of the shape: when it is asked about, one that is not accepted in any case.
func (s *sampler) text(shape *schema.Shape, at string, asked bool) string {
	accepted := s.accepted[at]
	if !asked && len(accepted) > 0 {
		return accepted[0]
	}
	for _, v := range shape.Enum {
		if !slices.Contains(accepted, v) {
			return v
		}
	}
	if len(shape.Enum) > 0 {
		s.t.Fatalf("%s: every value is accepted", at)
	}
	least := 1.0
	if shape.Limits != nil && shape.Limits.HasMin {
		least = max(least, shape.Limits.Min)
	}
	return strings.Repeat("0", int(least))
}
