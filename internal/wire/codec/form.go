package codec

import (
	"encoding/base64"
	"maps"
	"math"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/berth-dev/berth/api/schema"
)

// formCodec is awsQuery and EC2's form of it: parameters with dotted names in,
// XML out.
type formCodec struct{ ec2 bool }

// maxParams and maxDots bound what a form may spell.
const (
	maxParams = 20000
	maxDots   = 40
)

// ParseForm reads a form or a query string. Of a name that comes twice, the
// first value counts. It also returns what it could read of a bad one.
func ParseForm(s string) (map[string]string, error) {
	form := make(map[string]string)
	for pair := range strings.SplitSeq(s, "&") {
		if pair == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil {
			return form, malformed("A parameter's name is not properly percent-encoded.")
		}
		value, err := url.QueryUnescape(rawValue)
		if err != nil {
			return form, malformed("The value of %s is not properly percent-encoded.", name)
		}
		if _, twice := form[name]; !twice {
			form[name] = strings.ToValidUTF8(value, "\uFFFD")
		}
		if len(form) > maxParams {
			return nil, malformed("The request has more than %d parameters.", maxParams)
		}
	}
	return form, nil
}

// node is a form seen as a tree: a dot in a name is an edge.
type node struct {
	value string
	kids  map[string]*node
}

func tree(form map[string]string) (*node, error) {
	root := &node{}
	for name, value := range form {
		if strings.Count(name, ".") > maxDots {
			return nil, malformed("A parameter's name has more than %d dots.", maxDots)
		}
		at := root
		for part := range strings.SplitSeq(name, ".") {
			next := at.kids[part]
			if next == nil {
				if at.kids == nil {
					at.kids = map[string]*node{}
				}
				next = &node{}
				at.kids[part] = next
			}
			at = next
		}
		at.value = value
	}
	return root, nil
}

// items are the kids that are numbered, in the order of their numbers.
func (n *node) items() []*node {
	type item struct {
		number int
		*node
	}
	var list []item
	for name, kid := range n.kids {
		if i, err := strconv.Atoi(name); err == nil && i > 0 {
			list = append(list, item{i, kid})
		}
	}
	slices.SortFunc(list, func(x, y item) int { return x.number - y.number })
	out := make([]*node, len(list))
	for i := range list {
		out[i] = list[i].node
	}
	return out
}

func (c formCodec) Decode(op *Operation, req *Request, in any) error {
	if op.In == nil {
		return nil
	}
	root, err := tree(req.Form)
	if err != nil {
		return err
	}
	r := formReader{formCodec: c}
	err = r.structure(op.In, root, reflect.ValueOf(in).Elem(), "")
	req.Unknown = r.found
	return err
}

// formReader reads the tree of a form into bound types.
type formReader struct {
	formCodec
	unknown
}

// carrier reports whether a parameter is about the request itself: every form has it, and a signed URL.
func carrier(name string) bool {
	return name == "Action" || name == "Version" || strings.HasPrefix(name, "X-Amz-")
}

// name is a member's name in a form.
func (c formCodec) name(m *schema.Member) string {
	switch {
	case !c.ec2:
		return wireName(m)
	case m.Query != "":
		return m.Query
	}
	n := wireName(m)
	return strings.ToUpper(n[:1]) + n[1:]
}

func (r *formReader) structure(t *Type, n *node, v reflect.Value, path string) error {
	known := 0
	for i := range t.Fields {
		f := &t.Fields[i]
		name := r.fieldName(f)
		kid := n.kids[name]
		if kid == nil {
			continue
		}
		known++
		r.enter(f.Name)
		if err := r.value(f.Type, f.Flat, kid, f.settable(v), path+name); err != nil {
			return err
		}
		r.leave()
	}
	if known < len(n.kids) {
		r.strangers(t, n)
	}
	return nil
}

// fieldName is a member's name in a form, in its place.
func (c formCodec) fieldName(f *Field) string {
	if !c.ec2 && f.Type.Kind == schema.List && (f.Flat || f.Type.Flat) && f.Type.elem.Wire != "" {
		return f.Type.elem.Wire // a flattened list goes by its items' name
	}
	return c.name(f.Member)
}

// numbered are the items of a list or map. What is among them without a number is ignored, and told.
func (r *formReader) numbered(n *node) []*node {
	items := n.items()
	if len(items) < len(n.kids) {
		for _, name := range slices.Sorted(maps.Keys(n.kids)) {
			if i, err := strconv.Atoi(name); err != nil || i <= 0 {
				r.add(name)
			}
		}
	}
	return items
}

// strangers tells the parameters of a structure that are no members of it.
func (r *formReader) strangers(t *Type, n *node) {
	for _, name := range slices.Sorted(maps.Keys(n.kids)) {
		kid := n.kids[name]
		member := slices.ContainsFunc(t.Fields, func(f Field) bool { return r.fieldName(&f) == name })
		empty := kid.value == "" && kid.kids == nil
		if !member && !empty && !(len(r.within) == 0 && carrier(name)) {
			r.add(name)
		}
	}
}

// settable is the place of the member in v, made when it is a pointer.
func (f *Field) settable(v reflect.Value) reflect.Value {
	field := v.Field(f.index)
	if f.Pointer {
		field.Set(reflect.New(field.Type().Elem()))
		return field.Elem()
	}
	return field
}

func (r *formReader) value(t *Type, flat bool, n *node, v reflect.Value, path string) error {
	switch t.Kind {
	case schema.Structure:
		return r.structure(t, n, v, path+".")
	case schema.List:
		items := n
		if !r.ec2 && !flat && !t.Flat {
			items = n.kids[wireName(t.elem)]
			if items == nil {
				items = n.kids["member"]
			}
		}
		if items == nil || items.kids == nil { // Names= is an empty list
			v.Set(reflect.MakeSlice(t.Go, 0, 0))
			return nil
		}
		return r.list(t, r.numbered(items), v, path)
	case schema.Map:
		items := n
		if !flat && !t.Flat {
			if items = n.kids["entry"]; items == nil {
				items = &node{}
			}
		}
		return r.mapping(t, r.numbered(items), v, path)
	}
	return setText(t, v, n.value, path)
}

func (r *formReader) list(t *Type, items []*node, v reflect.Value, path string) error {
	list := reflect.MakeSlice(t.Go, len(items), len(items))
	for i, item := range items {
		if err := r.value(t.Elem, false, item, list.Index(i), path+"."+strconv.Itoa(i+1)); err != nil {
			return err
		}
	}
	v.Set(list)
	return nil
}

func (r *formReader) mapping(t *Type, items []*node, v reflect.Value, path string) error {
	m := reflect.MakeMapWithSize(t.Go, len(items))
	for i, item := range items {
		at := path + "." + strconv.Itoa(i+1)
		key, value := reflect.New(t.Go.Key()).Elem(), reflect.New(t.Go.Elem()).Elem()
		k, val := item.kids[wireName(t.key)], item.kids[wireName(t.elem)]
		if k == nil {
			return malformed("The parameter %s has no key.", at)
		}
		if err := setText(t.Key, key, k.value, at); err != nil {
			return err
		}
		if val != nil {
			if err := r.value(t.Elem, false, val, value, at); err != nil {
				return err
			}
		}
		m.SetMapIndex(key, value)
	}
	v.Set(m)
	return nil
}

// setText sets a scalar from its text, as forms, headers, URIs and XML carry
// it.
func setText(t *Type, v reflect.Value, text, path string) error {
	bad := func() error {
		what, _ := javaName(t.Go)
		return malformed("The value '%s' of %s can not be converted to %s.", clip(text), path, what)
	}
	switch t.Kind {
	case schema.String:
		v.SetString(text)
	case schema.Boolean:
		b, err := strconv.ParseBool(strings.ToLower(text))
		if err != nil {
			return bad()
		}
		v.SetBool(b)
	case schema.Integer, schema.Long:
		n, err := strconv.ParseInt(text, 10, t.Go.Bits())
		if err != nil {
			return bad()
		}
		v.SetInt(n)
	case schema.Float, schema.Double:
		f, err := strconv.ParseFloat(text, t.Go.Bits())
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return bad()
		}
		v.SetFloat(f)
	case schema.Timestamp:
		at, err := parseTime(text)
		if err != nil {
			return bad()
		}
		v.Set(reflect.ValueOf(at))
	case schema.Blob:
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return bad()
		}
		v.SetBytes(b)
	default:
		return malformed("%s is a structure, not a value.", path)
	}
	return nil
}

// parseTime reads ISO 8601, HTTP dates and seconds since 1970.
func parseTime(text string) (schema.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02", "20060102T150405Z", time.RFC1123} {
		if at, err := time.Parse(layout, text); err == nil {
			return schema.At(at), nil
		}
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return schema.Time{}, err
	}
	return schema.FromEpoch(seconds)
}

func clip(s string) string {
	if len(s) > 100 {
		return strings.ToValidUTF8(s[:100], "") + "..."
	}
	return s
}
