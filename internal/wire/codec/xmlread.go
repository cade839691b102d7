package codec

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"strings"

	"github.com/berth-dev/berth/api/schema"
)

// decodeXML reads a document whose root element is a structure, whatever its
// name. Entities other than XML's own five are refused by the XML library.
func decodeXML(t *Type, body []byte, v reflect.Value, u *unknown) error {
	r := &xmlReader{unknown: u, dec: xml.NewDecoder(bytes.NewReader(body))}
	for {
		tok, err := r.dec.Token()
		if errors.Is(err, io.EOF) {
			return malformed("The request has no XML element.")
		}
		if err != nil {
			return r.bad(err)
		}
		if start, ok := tok.(xml.StartElement); ok {
			return r.value(t, false, start, v, 0)
		}
	}
}

type xmlReader struct {
	*unknown
	dec        *xml.Decoder
	structures int // so far
}

func (r *xmlReader) bad(err error) error {
	var m *Malformed
	if errors.As(err, &m) {
		return err
	}
	return malformed("The request is not valid XML: %v", err)
}

// value reads an element, up to its end, into v. An item of a flat list is
// appended.
func (r *xmlReader) value(t *Type, flat bool, start xml.StartElement, v reflect.Value, depth int) error {
	if depth > maxDepth {
		return tooDeep()
	}
	switch {
	case t.Kind == schema.Structure:
		return r.structure(t, start, v, depth)
	case t.Kind == schema.List && (flat || t.Flat):
		return r.item(t, start, v, depth)
	case t.Kind == schema.List:
		v.Set(reflect.MakeSlice(t.Go, 0, 0))
		return r.children(func(kid xml.StartElement) error { return r.item(t, kid, v, depth) })
	case t.Kind == schema.Map && (flat || t.Flat):
		return r.entry(t, v, depth)
	case t.Kind == schema.Map:
		v.Set(reflect.MakeMap(t.Go))
		return r.children(func(xml.StartElement) error { return r.entry(t, v, depth) })
	}
	text, err := r.text()
	if err != nil {
		return err
	}
	return setText(t, v, text, start.Name.Local)
}

func (r *xmlReader) item(t *Type, start xml.StartElement, v reflect.Value, depth int) error {
	item := reflect.New(t.Go.Elem()).Elem()
	err := r.value(t.Elem, false, start, item, depth+1)
	v.Set(reflect.Append(v, item))
	return err
}

// entry reads a map's entry: an element with a key and a value in it.
func (r *xmlReader) entry(t *Type, v reflect.Value, depth int) error {
	if v.IsNil() {
		v.Set(reflect.MakeMap(t.Go))
	}
	key, item := reflect.New(t.Go.Key()).Elem(), reflect.New(t.Go.Elem()).Elem()
	err := r.children(func(kid xml.StartElement) error {
		switch kid.Name.Local {
		case wireName(t.key):
			return r.value(t.Key, false, kid, key, depth+1)
		case wireName(t.elem):
			return r.value(t.Elem, false, kid, item, depth+1)
		}
		return r.dec.Skip()
	})
	v.SetMapIndex(key, item)
	return err
}

func (r *xmlReader) structure(t *Type, start xml.StartElement, v reflect.Value, depth int) error {
	if r.structures++; r.structures > maxStructures {
		return tooMany()
	}
	for i := range t.Fields {
		f := &t.Fields[i]
		for _, attr := range start.Attr {
			if f.Attribute && attr.Name.Local == wireName(f.Member)[strings.IndexByte(wireName(f.Member), ':')+1:] {
				if err := setText(f.Type, f.settable(v), attr.Value, f.Name); err != nil {
					return err
				}
			}
		}
	}
	return r.children(func(kid xml.StartElement) error {
		for i := range t.Fields {
			f := &t.Fields[i]
			if f.In != schema.Body || f.Attribute || wireName(f.Member) != kid.Name.Local {
				continue
			}
			place := v.Field(f.index)
			if f.Pointer {
				place = f.settable(v)
			}
			r.enter(f.Name)
			defer r.leave()
			return r.value(f.Type, f.Flat, kid, place, depth+1)
		}
		r.add(kid.Name.Local)
		return r.dec.Skip()
	})
}

// children calls each for every child element, up to the end of the element
// that is open.
func (r *xmlReader) children(each func(xml.StartElement) error) error {
	for {
		tok, err := r.dec.Token()
		if err != nil {
			return r.bad(err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if err := each(tok); err != nil {
				return r.bad(err)
			}
		case xml.EndElement:
			return nil
		}
	}
}

// text reads an element's text, up to its end.
func (r *xmlReader) text() (string, error) {
	var b strings.Builder
	for {
		tok, err := r.dec.Token()
		if err != nil {
			return "", r.bad(err)
		}
		switch tok := tok.(type) {
		case xml.CharData:
			b.Write(tok)
		case xml.StartElement:
			return "", malformed("The element %s stands where text should.", clip(tok.Name.Local))
		case xml.EndElement:
			return b.String(), nil
		}
	}
}

// encodeXML writes a document with one root element.
func encodeXML(api *schema.Service, root string, t *Type, v reflect.Value) []byte {
	x := xmlWriter{}
	x.raw(xmlHead + "<" + root)
	if api.Namespace != "" {
		x.attribute("xmlns", api.Namespace)
	}
	x.raw(">")
	x.members(t, v)
	x.raw("</" + root + ">")
	return x.b
}
