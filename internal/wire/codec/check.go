package codec

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/berth-dev/berth/api/schema"
)

// Violation is a value that breaks a constraint of its shape.
type Violation struct {
	Path       string // "containerDefinitions.1.member.name"
	Value      string // as AWS writes it; for a Sensitive one nothing
	Missing    bool   // a required member that is absent
	Blank      bool   // a required text that is absent or empty; it is Missing too
	Sensitive  bool
	Constraint string // "Member must have length less than or equal to 512"
	// Choice is the member's names joined by dots when its value is none of those that the model has for it; else empty.
	Choice string
}

// String is the violation in the words of AWS's servers.
func (v Violation) String() string {
	switch {
	case v.Missing:
		return "Value null at '" + v.Path + "' failed to satisfy constraint: " + v.Constraint
	case v.Sensitive:
		return "Value at '" + v.Path + "' failed to satisfy constraint: " + v.Constraint
	}
	return "Value '" + v.Value + "' at '" + v.Path + "' failed to satisfy constraint: " + v.Constraint
}

// maxViolations bounds how many are looked for in one request.
const maxViolations = 20

// Check looks for values in v, a pointer to the bound Go type, that break
// constraints. Numbers that are values and not pointers count as absent when
// they are zero: AWS's defaults.
func (t *Type) Check(v any) []Violation {
	if t == nil || !t.checked {
		return nil
	}
	c := checker{}
	c.structure(t, reflect.ValueOf(v).Elem(), nil)
	return c.found
}

// step is one step of a path, from the inside out: paths are only spelled when
// something is wrong.
type step struct {
	parent *step
	name   string
	index  int  // of a list's item, counted from 1; 0 is a member
	entry  bool // of a map
}

// member is the path's names alone, joined by dots.
func (s *step) member() string {
	switch {
	case s == nil:
		return ""
	case s.index > 0 || s.entry:
		return s.parent.member()
	case s.parent == nil:
		return s.name
	}
	return s.parent.member() + "." + s.name
}

func (s *step) String() string {
	if s == nil {
		return ""
	}
	name := s.name
	if s.index > 0 {
		name = strconv.Itoa(s.index) + ".member"
	}
	if s.parent == nil {
		return name
	}
	return s.parent.String() + "." + name
}

type checker struct{ found []Violation }

func (c *checker) add(v Violation) {
	if len(c.found) < maxViolations {
		c.found = append(c.found, v)
	}
}

func (c *checker) structure(t *Type, v reflect.Value, path *step) {
	for i := range t.Fields {
		f := &t.Fields[i]
		if !f.Required && !f.Type.checked {
			continue
		}
		field, ok := f.value(v)
		at := step{parent: path, name: f.Name}
		if !ok {
			if f.Required {
				c.add(Violation{Path: at.String(), Missing: true, Blank: f.Type.Kind == schema.String, Constraint: "Member must not be null"})
			}
			continue
		}
		if f.Type.checked && (f.Pointer || f.Type.Kind < schema.Boolean || !field.IsZero()) {
			c.value(f.Type, field, &at)
		}
	}
}

func (c *checker) value(t *Type, v reflect.Value, path *step) {
	if broken := t.broken(v); broken != nil {
		for _, constraint := range broken {
			c.add(Violation{Path: path.String(), Value: t.text(v), Sensitive: t.Sensitive, Constraint: constraint, Choice: t.chosen(path)})
		}
	}
	switch t.Kind {
	case schema.Structure:
		c.structure(t, v, path)
	case schema.List:
		c.list(t, v, path)
	case schema.Map:
		c.mapping(t, v, path)
	}
}

func (c *checker) list(t *Type, v reflect.Value, path *step) {
	if !t.Elem.checked {
		return
	}
	for i := range v.Len() {
		switch t.Elem.Kind {
		case schema.Structure, schema.List, schema.Map:
			c.value(t.Elem, v.Index(i), &step{parent: path, index: i + 1})
		default:
			// AWS tells of scalars in a list at the list, with all that they
			// have to satisfy.
			if t.Elem.broken(v.Index(i)) != nil {
				c.collection(t, v, path, "Member must satisfy constraint: ", t.Elem)
				return
			}
		}
	}
}

func (c *checker) mapping(t *Type, v reflect.Value, path *step) {
	badKey, badValue := false, false
	for it := v.MapRange(); it.Next(); {
		badKey = badKey || t.Key.broken(it.Key()) != nil
		if t.Elem.Kind == schema.Structure {
			c.structure(t.Elem, it.Value(), &step{parent: path, name: it.Key().String() + ".member", entry: true})
		} else {
			badValue = badValue || t.Elem.broken(it.Value()) != nil
		}
	}
	if badKey {
		c.collection(t, v, path, "Map keys must satisfy constraint: ", t.Key)
	}
	if badValue {
		c.collection(t, v, path, "Map value must satisfy constraint: ", t.Elem)
	}
}

func (c *checker) collection(t *Type, v reflect.Value, path *step, what string, of *Type) {
	c.add(Violation{Path: path.String(), Value: t.text(v), Sensitive: t.Sensitive || of.Sensitive,
		Constraint: what + "[" + strings.Join(of.constraints(), ", ") + "]", Choice: of.chosen(path)})
}

// chosen is the member at a path if its values are of a set.
func (t *Type) chosen(path *step) string {
	if len(t.Enum) == 0 {
		return ""
	}
	return path.member()
}

// broken is which of the shape's own constraints v breaks, as AWS says them.
func (t *Type) broken(v reflect.Value) (out []string) {
	if len(t.Enum) > 0 && !slices.Contains(t.Enum, v.String()) {
		out = append(out, t.enumText())
	}
	l := t.Limits
	if l == nil {
		return out
	}
	size, length := 0.0, true
	switch t.Kind {
	case schema.String:
		size = float64(utf8.RuneCountInString(v.String()))
	case schema.Blob, schema.List, schema.Map:
		size = float64(v.Len())
	case schema.Integer, schema.Long:
		size, length = float64(v.Int()), false
	case schema.Float, schema.Double:
		size, length = v.Float(), false
	default:
		return out
	}
	if l.HasMax && size > l.Max {
		out = append(out, boundText(length, "less", l.Max))
	}
	if l.HasMin && size < l.Min {
		out = append(out, boundText(length, "greater", l.Min))
	}
	if t.pattern != nil && !t.pattern.MatchString(v.String()) {
		out = append(out, t.patternText())
	}
	return out
}

// constraints is all that a scalar shape demands.
func (t *Type) constraints() (out []string) {
	if len(t.Enum) > 0 {
		out = append(out, t.enumText())
	}
	if l := t.Limits; l != nil {
		length := t.Kind == schema.String || t.Kind == schema.Blob || t.Kind == schema.List || t.Kind == schema.Map
		if l.HasMax {
			out = append(out, boundText(length, "less", l.Max))
		}
		if l.HasMin {
			out = append(out, boundText(length, "greater", l.Min))
		}
		if t.pattern != nil {
			out = append(out, t.patternText())
		}
	}
	return out
}

func (t *Type) enumText() string {
	return "Member must satisfy enum value set: [" + strings.Join(t.Enum, ", ") + "]"
}

func (t *Type) patternText() string {
	text := t.Limits.Text
	if text == "" {
		text = t.Limits.Pattern
	}
	return "Member must satisfy regular expression pattern: " + text
}

func boundText(length bool, than string, bound float64) string {
	what := "value"
	if length {
		what = "length"
	}
	return "Member must have " + what + " " + than + " than or equal to " + strconv.FormatFloat(bound, 'f', -1, 64)
}

// maxText bounds how much of a value an error repeats.
const maxText = 1024

// text is a value as AWS writes it in an error: [a, b], {k=v}.
func (t *Type) text(v reflect.Value) string {
	var b strings.Builder
	t.writeText(&b, v)
	s := b.String()
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "..."
	}
	return s
}

func (t *Type) writeText(b *strings.Builder, v reflect.Value) {
	if b.Len() > maxText {
		return
	}
	switch {
	case t.Sensitive:
		b.WriteString("***")
	case t.Kind == schema.List:
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteString(", ")
			}
			t.Elem.writeText(b, v.Index(i))
		}
		b.WriteByte(']')
	case t.Kind == schema.Map:
		b.WriteByte('{')
		for i, k := range sortedKeys(v) {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(k.String() + "=")
			t.Elem.writeText(b, v.MapIndex(k))
		}
		b.WriteByte('}')
	case t.Kind == schema.Structure:
		b.WriteString(t.Name + "(...)")
	case t.Kind == schema.Float, t.Kind == schema.Double:
		b.WriteString(strconv.FormatFloat(v.Float(), 'f', -1, 64))
	default:
		fmt.Fprint(b, v.Interface())
	}
}
