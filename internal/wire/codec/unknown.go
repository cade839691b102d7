package codec

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/api/schema"
)

const (
	// maxUnknown bounds how many unknown members of one request are told.
	maxUnknown = 20
	// maxUnknownName bounds the bytes that are told of the name of each.
	maxUnknownName = 64
)

// unknown collects the members of an input that its model does not have. They are ignored, as AWS ignores them, and told.
// Those that hold nothing, a null or an empty parameter, ask for nothing and are not told.
type unknown struct {
	within []string // the names that lead to the structure that is being read
	found  []string
}

func (u *unknown) enter(member string) { u.within = append(u.within, member) }
func (u *unknown) leave()              { u.within = u.within[:len(u.within)-1] }

// add tells a member of the structure that is being read: "containerDefinitions.colour".
func (u *unknown) add(name string) {
	if len(u.found) == maxUnknown {
		return
	}
	path := strings.Join(append(slices.Clone(u.within), Name(name)), ".")
	if !slices.Contains(u.found, path) {
		u.found = append(u.found, path)
	}
}

// Name is what is kept of a name that a caller made up: its beginning, without what does not belong into a line of text.
func Name(s string) string {
	if len(s) > maxUnknownName {
		s = strings.ToValidUTF8(s[:maxUnknownName], "") + "..."
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// json looks through a document that is known to be well-formed and of t's form.
func (u *unknown) json(t *Type, body []byte) {
	_ = u.jsonValue(t, jsontext.NewDecoder(strings.NewReader(string(body)))) // as it was read once, it can be read again
}

func (u *unknown) jsonValue(t *Type, dec *jsontext.Decoder) error {
	kind := dec.PeekKind()
	structure := t.Kind == schema.Structure && kind == '{'
	if !structure && !(t.Kind == schema.Map && kind == '{') && !(t.Kind == schema.List && kind == '[') {
		return dec.SkipValue()
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for next := dec.PeekKind(); next != '}' && next != ']'; next = dec.PeekKind() {
		inner, err := t.Elem, error(nil)
		if kind == '{' {
			var name jsontext.Token
			if name, err = dec.ReadToken(); err != nil {
				return err
			}
			if structure {
				err = u.jsonMember(t, name.String(), dec)
				inner = nil
			}
		}
		if inner != nil {
			err = u.jsonValue(inner, dec)
		}
		if err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

func (u *unknown) jsonMember(t *Type, name string, dec *jsontext.Decoder) error {
	f := t.field(name)
	if f == nil {
		if dec.PeekKind() != 'n' {
			u.add(name)
		}
		return dec.SkipValue()
	}
	u.enter(name)
	defer u.leave()
	return u.jsonValue(f.Type, dec)
}

// field is the member of that name, nil when the structure has none.
func (t *Type) field(name string) *Field {
	for i := range t.Fields {
		if t.Fields[i].Name == name {
			return &t.Fields[i]
		}
	}
	return nil
}
