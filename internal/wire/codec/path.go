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

// Choice reports whether the member's values are of a set.
func (p Path) Choice() bool {
	t := p.fields[len(p.fields)-1].Type
	for t.Elem != nil {
		t = t.Elem
	}
	return len(t.Enum) > 0
}

// Place is where a member holds something that is looked for.
type Place struct {
	Where string // spelled with list indexes: "containerDefinitions[1].secrets"
	Value string // of a member whose values are of a set, the one that it holds; else empty
}

// maxPlaces bounds how many places of one member are looked for.
const maxPlaces = 100

// Places finds where the member holds something in v, a pointer to the bound input: neither nothing (absent, empty, zero, false,
// or a structure of only that) nor one of the accepted values.
func (p Path) Places(v any, accepted []string) []Place {
	return places(reflect.ValueOf(v).Elem(), p.fields, accepted)
}

func places(v reflect.Value, fields []*Field, accepted []string) []Place {
	f := fields[0]
	field, ok := f.value(v)
	switch {
	case !ok || len(fields) == 1 && neutral(f.Type, field, accepted):
		return nil
	case len(fields) == 1:
		return []Place{{f.Name, f.Type.choice(field, accepted)}}
	}
	return under(f.Name, within(f.Type, field, fields[1:], accepted))
}

// within looks on through the items of lists and maps.
func within(t *Type, v reflect.Value, fields []*Field, accepted []string) (found []Place) {
	switch t.Kind {
	case schema.List:
		for i := 0; i < v.Len() && len(found) < maxPlaces; i++ {
			if in := within(t.Elem, v.Index(i), fields, accepted); in != nil {
				found = append(found, under("["+strconv.Itoa(i)+"]", in)...)
			}
		}
		return found
	case schema.Map:
		for _, key := range sortedKeys(v) {
			if in := within(t.Elem, v.MapIndex(key), fields, accepted); in != nil && len(found) < maxPlaces {
				found = append(found, under("["+key.String()+"]", in)...)
			}
		}
		return found
	}
	return under(".", places(v, fields, accepted))
}

// under puts the way to them before places.
func under(way string, found []Place) []Place {
	for i := range found {
		found[i].Where = way + found[i].Where
	}
	return found
}

// choice is the first value of a member, or of a list of them, that is of the set of its values and not accepted.
func (t *Type) choice(v reflect.Value, accepted []string) string {
	if t.Kind == schema.List {
		for i := range v.Len() {
			if value := t.Elem.choice(v.Index(i), accepted); value != "" {
				return value
			}
		}
		return ""
	}
	if len(t.Enum) > 0 && slices.Contains(t.Enum, v.String()) && !slices.Contains(accepted, v.String()) {
		return v.String()
	}
	return ""
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
