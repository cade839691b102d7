package codec

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/berth-dev/berth/api/schema"
)

// Type is a shape bound to the Go type that holds it.
type Type struct {
	*schema.Shape
	Go     reflect.Type
	Fields []Field // of a structure, aligned with its Members and its Go fields
	Elem   *Type   // element of a list, value of a map
	Key    *Type   // key of a map

	elem, key *schema.Member
	pattern   *regexp.Regexp
	checked   bool // it or something below it has constraints
}

// Field is one member of a bound structure.
type Field struct {
	*schema.Member
	Type    *Type
	Pointer bool // the Go field is a pointer: nil is absent
	index   int
	always  bool // a string that answers have even when it is empty: the generator left "omitzero" away
}

// Binder binds the shapes of one service. The bindings it returns are
// immutable and may be used concurrently once it is done.
type Binder struct {
	api    *schema.Service
	shapes map[string]*schema.Shape
	bound  map[string]*Type
}

// NewBinder returns a binder for api.
func NewBinder(api *schema.Service) *Binder {
	b := &Binder{api: api, shapes: map[string]*schema.Shape{}, bound: map[string]*Type{}}
	for i := range api.Shapes {
		b.shapes[api.Shapes[i].Name] = &api.Shapes[i]
	}
	return b
}

// Operation binds the operation of that name to its Go types.
func (b *Binder) Operation(name string, in, out reflect.Type) (*Operation, error) {
	for i := range b.api.Operations {
		decl := &b.api.Operations[i]
		if decl.Name != name {
			continue
		}
		op := &Operation{API: b.api, Decl: decl}
		var err error
		if decl.Input != "" {
			if op.In, err = b.Bind(decl.Input, in); err != nil {
				return nil, err
			}
		}
		if decl.Output != "" {
			if op.Out, err = b.Bind(decl.Output, out); err != nil {
				return nil, err
			}
		}
		return op, nil
	}
	return nil, fmt.Errorf("%s has no operation %s", b.api.ID, name)
}

// Bind binds the shape of that name to a Go type.
func (b *Binder) Bind(shape string, t reflect.Type) (*Type, error) {
	if bound, ok := b.bound[shape]; ok {
		if bound.Go != t {
			return nil, fmt.Errorf("shape %s of %s is both %v and %v", shape, b.api.ID, bound.Go, t)
		}
		return bound, nil
	}
	s, ok := b.shapes[shape]
	if !ok {
		return nil, fmt.Errorf("%s has no shape %s", b.api.ID, shape)
	}
	bound := &Type{Shape: s, Go: t, elem: s.Elem, key: s.Key}
	b.bound[shape] = bound // before its members: shapes may contain themselves
	if err := b.fill(bound); err != nil {
		return nil, fmt.Errorf("%s: %w", shape, err)
	}
	return bound, nil
}

func (b *Binder) fill(t *Type) (err error) {
	t.checked = t.Limits != nil || len(t.Enum) > 0
	if t.Limits != nil && t.Limits.Pattern != "" {
		if t.pattern, err = regexp.Compile(`^(?:` + t.Limits.Pattern + `)$`); err != nil {
			return err
		}
	}
	switch t.Kind {
	case schema.Structure:
		return b.fillStructure(t)
	case schema.Map:
		if t.Key, err = b.Bind(t.key.Shape, t.Go.Key()); err != nil {
			return err
		}
		fallthrough
	case schema.List:
		if t.Elem, err = b.Bind(t.elem.Shape, t.Go.Elem()); err != nil {
			return err
		}
		t.checked = t.checked || t.Elem.checked || t.Elem.Kind == schema.Structure || t.Key != nil && t.Key.checked
	}
	return nil
}

func (b *Binder) fillStructure(t *Type) error {
	if t.Go.NumField() != len(t.Members) {
		return fmt.Errorf("%v has %d fields, the shape %d members", t.Go, t.Go.NumField(), len(t.Members))
	}
	t.checked = true // refined by nothing: a structure may contain itself
	t.Fields = make([]Field, len(t.Members))
	for i := range t.Members {
		m, f := &t.Members[i], t.Go.Field(i)
		if !strings.EqualFold(strings.ReplaceAll(m.Name, "-", ""), f.Name) {
			return fmt.Errorf("field %s stands where member %s should", f.Name, m.Name)
		}
		goType, pointer := f.Type, f.Type.Kind() == reflect.Pointer
		if pointer {
			goType = goType.Elem()
		}
		ft, err := b.Bind(m.Shape, goType)
		if err != nil {
			return err
		}
		always := f.Type.Kind() == reflect.String && !strings.Contains(f.Tag.Get("json"), ",omitzero")
		t.Fields[i] = Field{Member: m, Type: ft, Pointer: pointer, index: i, always: always}
	}
	return nil
}

// value is the member's Go value in v, a struct; ok is false when it is
// absent. An empty list or map that is not nil is present.
func (f *Field) value(v reflect.Value) (field reflect.Value, ok bool) {
	field = v.Field(f.index)
	if f.Pointer {
		return field.Elem(), !field.IsNil()
	}
	switch f.Type.Kind {
	case schema.Boolean, schema.Integer, schema.Long, schema.Float, schema.Double:
		return field, true
	}
	return field, !field.IsZero()
}

// wire is the member's name in XML, headers, URIs and query strings.
func wireName(m *schema.Member) string {
	if m.Wire != "" {
		return m.Wire
	}
	return m.Name
}
