package codec

import (
	"encoding/base64"
	"encoding/xml"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/berth-dev/berth/api/schema"
)

const xmlHead = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

func (c formCodec) contentType() string {
	if c.ec2 {
		return "text/xml;charset=UTF-8"
	}
	return "text/xml"
}

// Encode writes <OpResponse>: query puts the result into an element of its own
// and the request id after it, EC2 the request id first and the members beside
// it.
func (c formCodec) Encode(op *Operation, requestID string, out any) (*Response, error) {
	x := xmlWriter{}
	root := op.Decl.Name + "Response"
	x.raw(xmlHead + "<" + root)
	x.attribute("xmlns", c.namespace(op.API))
	x.raw(">")
	if c.ec2 {
		x.element("requestId", requestID)
	}
	if op.Out != nil {
		if wrapper := op.Decl.Wrapper; wrapper != "" {
			x.raw("<" + wrapper + ">")
			x.members(op.Out, reflect.ValueOf(out).Elem())
			x.raw("</" + wrapper + ">")
		} else {
			x.members(op.Out, reflect.ValueOf(out).Elem())
		}
	}
	if !c.ec2 {
		x.raw("<ResponseMetadata>")
		x.element("RequestId", requestID)
		x.raw("</ResponseMetadata>")
	}
	x.raw("</" + root + ">")
	return &Response{Type: c.contentType(), Body: x.b}, nil
}

// namespace is the answers' XML namespace: EC2 writes a final slash that its
// model leaves out.
func (c formCodec) namespace(api *schema.Service) string {
	if c.ec2 && !strings.HasSuffix(api.Namespace, "/") {
		return api.Namespace + "/"
	}
	return api.Namespace
}

func (c formCodec) Fault(api *schema.Service, requestID string, e *Error) *Response {
	x := xmlWriter{}
	if c.ec2 {
		x.raw(xmlHead + "<Response><Errors><Error>")
		x.element("Code", e.Code)
		x.element("Message", e.Message)
		x.raw("</Error></Errors>")
		x.element("RequestID", requestID)
		x.raw("</Response>")
		return &Response{Status: e.Status, Type: c.contentType(), Body: x.b}
	}
	x.raw("<ErrorResponse")
	if api.Namespace != "" {
		x.attribute("xmlns", api.Namespace)
	}
	x.raw("><Error>")
	x.element("Type", map[bool]string{true: "Receiver", false: "Sender"}[e.Status >= 500])
	x.element("Code", e.Code)
	x.element("Message", e.Message)
	x.raw("</Error>")
	x.element("RequestId", requestID)
	x.raw("</ErrorResponse>")
	return &Response{Status: e.Status, Type: c.contentType(), Body: x.b}
}

// xmlWriter appends XML.
type xmlWriter struct{ b []byte }

// Write makes it an io.Writer for xml.EscapeText.
func (x *xmlWriter) Write(p []byte) (int, error) {
	x.b = append(x.b, p...)
	return len(p), nil
}

func (x *xmlWriter) raw(s string) { x.b = append(x.b, s...) }

// escaped writes text; what XML cannot carry becomes U+FFFD.
func (x *xmlWriter) escaped(s string) { xml.EscapeText(x, []byte(s)) }

func (x *xmlWriter) element(name, text string) {
	x.raw("<" + name + ">")
	x.escaped(text)
	x.raw("</" + name + ">")
}

func (x *xmlWriter) attribute(name, text string) {
	x.raw(" " + name + `="`)
	x.escaped(text)
	x.raw(`"`)
}

// members writes the members of a structure that are present and travel in the
// body.
func (x *xmlWriter) members(t *Type, v reflect.Value) {
	for i := range t.Fields {
		f := &t.Fields[i]
		if field, ok := f.value(v); (ok || f.always) && f.In == schema.Body && !f.Attribute {
			x.value(wireName(f.Member), f.Type, f.Flat, f.Format, field)
		}
	}
}

func (x *xmlWriter) value(name string, t *Type, flat bool, format string, v reflect.Value) {
	switch {
	case t.Kind == schema.List && (flat || t.Flat):
		for i := range v.Len() {
			x.value(name, t.Elem, false, "", v.Index(i))
		}
	case t.Kind == schema.Map && (flat || t.Flat):
		x.entries(name, t, v)
	case t.Kind == schema.List:
		x.raw("<" + name + ">")
		for i := range v.Len() {
			x.value(wireName(t.elem), t.Elem, false, "", v.Index(i))
		}
		x.raw("</" + name + ">")
	case t.Kind == schema.Map:
		x.raw("<" + name + ">")
		x.entries("entry", t, v)
		x.raw("</" + name + ">")
	case t.Kind == schema.Structure:
		x.raw("<" + name)
		for i := range t.Fields {
			if f := &t.Fields[i]; f.Attribute {
				if field, ok := f.value(v); ok {
					x.attribute(wireName(f.Member), textOf(f.Type, f.Format, field, iso8601))
				}
			}
		}
		x.raw(">")
		x.members(t, v)
		x.raw("</" + name + ">")
	default:
		x.element(name, textOf(t, format, v, iso8601))
	}
}

func (x *xmlWriter) entries(name string, t *Type, v reflect.Value) {
	for _, k := range sortedKeys(v) {
		x.raw("<" + name + ">")
		x.value(wireName(t.key), t.Key, false, "", k)
		x.value(wireName(t.elem), t.Elem, false, "", v.MapIndex(k))
		x.raw("</" + name + ">")
	}
}

func sortedKeys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(x, y reflect.Value) int { return strings.Compare(x.String(), y.String()) })
	return keys
}

// The timestamp formats of the models.
const (
	iso8601 = "iso8601"
	rfc822  = "rfc822"
	epoch   = "unixTimestamp"
)

// textOf is a scalar as forms, headers, URIs and XML carry it. format is the
// member's own timestamp format, then the shape's, then the place's.
func textOf(t *Type, format string, v reflect.Value, place string) string {
	switch t.Kind {
	case schema.Boolean:
		return strconv.FormatBool(v.Bool())
	case schema.Integer, schema.Long:
		return strconv.FormatInt(v.Int(), 10)
	case schema.Float, schema.Double:
		return strconv.FormatFloat(v.Float(), 'g', -1, t.Go.Bits())
	case schema.Blob:
		return base64.StdEncoding.EncodeToString(v.Bytes())
	case schema.Timestamp:
		at := v.Interface().(schema.Time)
		for _, f := range []string{format, t.Format, place} {
			switch f {
			case iso8601:
				return at.UTC().Format("2006-01-02T15:04:05.000Z")
			case rfc822:
				return at.UTC().Format("Mon, 02 Jan 2006 15:04:05 ") + "GMT"
			case epoch:
				return string(at.AppendEpoch(nil))
			}
		}
		return at.UTC().Format(time.RFC3339)
	}
	return v.String()
}
