package codec

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/berth-dev/berth/api/schema"
)

// Path names a member inside an input: "containerDefinitions.secrets". Lists
// and maps on the way are walked through: the path is about each of their
// items.
type Path struct {
	Name   string
	fields []*Field
}

// Path finds a member by its names, joined by dots.
func (t *Type) Path(name string) (Path, error) {
	p := Path{Name: name}
	for part := range strings.SplitSeq(name, ".") {
		for t.Elem != nil {
			t = t.Elem
		}
		i := slices.IndexFunc(t.Fields, func(f Field) bool { return f.Name == part })
		if i < 0 {
			return p, fmt.Errorf("%s has no member %s (in the path %s)", t.Name, part, name)
		}
		p.fields = append(p.fields, &t.Fields[i])
		t = t.Fields[i].Type
	}
	return p, nil
}

// Set finds the first place where the member holds something in v, a pointer
// to the bound input: neither nothing (absent, empty, zero, false, or a
// structure of only that) nor one of the accepted values. The place is spelled
// with list indexes: "containerDefinitions[1].secrets".
func (p Path) Set(v any, accepted []string) (where string, ok bool) {
	return set(reflect.ValueOf(v).Elem(), p.fields, accepted, "")
}

func set(v reflect.Value, fields []*Field, accepted []string, at string) (string, bool) {
	f := fields[0]
	field, ok := f.value(v)
	if !ok {
		return "", false
	}
	at += f.Name
	if len(fields) == 1 {
		return at, !neutral(f.Type, field, accepted)
	}
	return within(f.Type, field, fields[1:], accepted, at)
}

// within looks on through the items of lists and maps.
func within(t *Type, v reflect.Value, fields []*Field, accepted []string, at string) (string, bool) {
	switch t.Kind {
	case schema.List:
		for i := range v.Len() {
			if where, ok := within(t.Elem, v.Index(i), fields, accepted, at+"["+strconv.Itoa(i)+"]"); ok {
				return where, true
			}
		}
		return "", false
	case schema.Map:
		for it := v.MapRange(); it.Next(); {
			if where, ok := within(t.Elem, it.Value(), fields, accepted, at+"["+it.Key().String()+"]"); ok {
				return where, true
			}
		}
		return "", false
	}
	return set(v, fields, accepted, at+".")
}

// neutral reports whether a value asks for nothing.
func neutral(t *Type, v reflect.Value, accepted []string) bool {
	switch t.Kind {
	case schema.Structure:
		for i := range t.Fields {
			if field, ok := t.Fields[i].value(v); ok && !neutral(t.Fields[i].Type, field, nil) {
				return false
			}
		}
		return true
	case schema.List:
		for i := range v.Len() {
			if len(accepted) == 0 || !neutral(t.Elem, v.Index(i), accepted) {
				return false
			}
		}
		return true
	case schema.Map, schema.Blob, schema.Document:
		return v.Len() == 0
	}
	return v.IsZero() || slices.Contains(accepted, fmt.Sprint(v.Interface()))
}
