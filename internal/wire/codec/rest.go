package codec

import (
	"net/url"
	"reflect"
	"strings"

	"github.com/berth-dev/berth/api/schema"
)

// restCodec is rest-json and rest-xml: members travel in the path, the query
// string, headers and the body.
type restCodec struct{ xml bool }

func (c restCodec) contentType() string {
	if c.xml {
		return "application/xml"
	}
	return "application/json"
}

func (c restCodec) Decode(op *Operation, req *Request, in any) error {
	if op.In == nil {
		return nil
	}
	v := reflect.ValueOf(in).Elem()
	u := unknown{}
	if err := c.decodeBody(op.In, req.Body, in, v, &u); err != nil {
		return err
	}
	req.Unknown = u.found
	query := req.HTTP.URL.Query()
	for i := range op.In.Fields {
		f := &op.In.Fields[i]
		if f.In == schema.Body {
			continue
		}
		v.Field(f.index).SetZero() // a body may not say what belongs elsewhere
		if err := c.decodeField(f, v, req, query); err != nil {
			return err
		}
	}
	return nil
}

func (c restCodec) decodeBody(t *Type, body []byte, in any, v reflect.Value, u *unknown) error {
	if len(body) == 0 {
		return nil
	}
	if f := t.payload(); f != nil {
		field := f.settable(v)
		switch f.Type.Kind {
		case schema.Blob:
			field.SetBytes(body)
			return nil
		case schema.String:
			field.SetString(string(body))
			return nil
		}
		u.enter(f.Name)
		defer u.leave()
		if c.xml {
			return decodeXML(f.Type, body, field, u)
		}
		return decodeJSON(f.Type, body, field.Addr().Interface(), u)
	}
	if c.xml {
		return decodeXML(t, body, v, u)
	}
	return decodeJSON(t, body, in, u)
}

// payload is the member that is the whole body, if there is one.
func (t *Type) payload() *Field {
	for i := range t.Fields {
		if t.Payload != "" && t.Fields[i].Name == t.Payload {
			return &t.Fields[i]
		}
	}
	return nil
}

func (c restCodec) decodeField(f *Field, v reflect.Value, req *Request, query url.Values) error {
	name := wireName(f.Member)
	switch f.In {
	case schema.URI:
		return f.setTexts(v, []string{req.Labels[name]}, "the path's "+name)
	case schema.QueryString:
		if f.Type.Kind == schema.Map {
			return f.setQueryMap(v, query)
		}
		return f.setTexts(v, query[name], "the query's "+name)
	case schema.Header:
		return f.setTexts(v, req.HTTP.Header.Values(name), "the header "+name)
	case schema.Headers:
		m := reflect.MakeMap(f.Type.Go)
		for k, values := range req.HTTP.Header {
			if rest, ok := strings.CutPrefix(strings.ToLower(k), strings.ToLower(name)); ok {
				m.SetMapIndex(reflect.ValueOf(rest), reflect.ValueOf(values[0]))
			}
		}
		v.Field(f.index).Set(m)
	}
	return nil
}

// setTexts sets a member from the values that were found for it.
func (f *Field) setTexts(v reflect.Value, texts []string, where string) error {
	switch {
	case len(texts) == 0:
		return nil
	case f.Type.Kind != schema.List:
		return setText(f.Type, f.settable(v), texts[0], where)
	}
	if f.In == schema.Header && len(texts) == 1 {
		texts = strings.Split(texts[0], ",")
	}
	list := reflect.MakeSlice(f.Type.Go, len(texts), len(texts))
	for i, text := range texts {
		if err := setText(f.Type.Elem, list.Index(i), strings.TrimSpace(text), where); err != nil {
			return err
		}
	}
	v.Field(f.index).Set(list)
	return nil
}

// setQueryMap takes the whole query string.
func (f *Field) setQueryMap(v reflect.Value, query url.Values) error {
	m := reflect.MakeMap(f.Type.Go)
	for k, values := range query {
		item := reflect.New(f.Type.Go.Elem()).Elem()
		if f.Type.Elem.Kind == schema.List {
			item.Set(reflect.ValueOf(values).Convert(item.Type()))
		} else if err := setText(f.Type.Elem, item, values[0], "the query's "+k); err != nil {
			return err
		}
		m.SetMapIndex(reflect.ValueOf(k).Convert(f.Type.Go.Key()), item)
	}
	v.Field(f.index).Set(m)
	return nil
}

func (c restCodec) Encode(op *Operation, _ string, out any) (*Response, error) {
	a := &Response{Status: op.Decl.Status}
	if op.Out == nil {
		return a, nil
	}
	v := reflect.ValueOf(out).Elem()
	body := reflect.New(op.Out.Go).Elem() // what is left for the body
	body.Set(v)
	for i := range op.Out.Fields {
		f := &op.Out.Fields[i]
		if f.In == schema.Body {
			continue
		}
		body.Field(f.index).SetZero()
		if field, ok := f.value(v); ok {
			a.place(f, field)
		}
	}
	a.Type = c.contentType()
	var err error
	switch f := op.Out.payload(); {
	case f != nil:
		field, ok := f.value(v)
		if !ok {
			return a, nil
		}
		err = c.encodePayload(a, op.API, f, field)
	case c.xml:
		a.Body = encodeXML(op.API, op.Out.Name, op.Out, body)
	default:
		a.Body, err = appendJSON(body.Addr().Interface())
	}
	return a, err
}

func (c restCodec) encodePayload(a *Response, api *schema.Service, f *Field, v reflect.Value) (err error) {
	switch {
	case f.Type.Kind == schema.Blob:
		a.Type, a.Body = "application/octet-stream", v.Bytes()
	case f.Type.Kind == schema.String:
		a.Type, a.Body = "text/plain", []byte(v.String())
	case c.xml:
		a.Body = encodeXML(api, wireName(f.Member), f.Type, v)
	default:
		a.Body, err = appendJSON(v.Interface())
	}
	return err
}

// place puts a member into the answer's status or headers.
func (a *Response) place(f *Field, v reflect.Value) {
	switch f.In {
	case schema.StatusCode:
		a.Status = int(v.Int())
	case schema.Header:
		if f.Type.Kind == schema.List {
			var texts []string
			for i := range v.Len() {
				texts = append(texts, textOf(f.Type.Elem, f.Format, v.Index(i), rfc822))
			}
			a.Header = append(a.Header, [2]string{wireName(f.Member), strings.Join(texts, ",")})
			return
		}
		a.Header = append(a.Header, [2]string{wireName(f.Member), textOf(f.Type, f.Format, v, rfc822)})
	case schema.Headers:
		for _, k := range sortedKeys(v) {
			a.Header = append(a.Header, [2]string{wireName(f.Member) + k.String(), v.MapIndex(k).String()})
		}
	}
}

func (c restCodec) Fault(api *schema.Service, requestID string, e *Error) *Response {
	if !c.xml {
		a := jsonCodec{c.contentType()}.Fault(api, requestID, e)
		a.Header = [][2]string{{"X-Amzn-Errortype", e.Code}}
		return a
	}
	if !api.BareErrors {
		a := formCodec{}.Fault(api, requestID, e)
		a.Type = c.contentType()
		return a
	}
	x := xmlWriter{}
	x.raw(xmlHead + "<Error>")
	x.element("Code", e.Code)
	x.element("Message", e.Message)
	x.element("RequestId", requestID)
	x.raw("</Error>")
	return &Response{Status: e.Status, Type: c.contentType(), Body: x.b}
}
