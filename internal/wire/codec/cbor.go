package codec

import (
	"encoding/binary"
	"math"
	"reflect"

	"github.com/berth-dev/berth/api/schema"
)

// cborCodec is Smithy's RPC v2 in CBOR (RFC 8949).
type cborCodec struct{}

const cborType = "application/cbor"

// The major types of CBOR.
const (
	cborUint byte = iota << 5
	cborNegative
	cborBytes
	cborText
	cborArray
	cborMap
	cborTag
	cborSimple
)

func (cborCodec) Decode(op *Operation, req *Request, in any) error {
	if len(req.Body) == 0 || op.In == nil {
		return nil
	}
	r := cborReader{data: req.Body}
	err := r.value(op.In, reflect.ValueOf(in).Elem(), op.In.Name, 0)
	if err != nil {
		return err
	}
	if r.at != len(r.data) {
		return malformed("The request goes on after its CBOR value.")
	}
	req.Unknown = r.found
	return nil
}

func (cborCodec) Encode(op *Operation, _ string, out any) (*Response, error) {
	body := []byte{cborMap}
	if op.Out != nil {
		body = appendCBOR(nil, op.Out, reflect.ValueOf(out).Elem())
	}
	return cborResponse(200, body), nil
}

func (cborCodec) Fault(_ *schema.Service, _ string, e *Error) *Response {
	body := cborHead(nil, cborMap, 2)
	for _, s := range []string{"__type", e.Code, "message", e.Message} {
		body = cborString(body, s)
	}
	return cborResponse(e.Status, body)
}

func cborResponse(status int, body []byte) *Response {
	return &Response{Status: status, Type: cborType, Body: body, Header: [][2]string{{"Smithy-Protocol", "rpc-v2-cbor"}}}
}

// appendCBOR appends v by its type.
func appendCBOR(b []byte, t *Type, v reflect.Value) []byte {
	switch t.Kind {
	case schema.Structure:
		b = append(b, cborMap|31) // as many as are present
		for i := range t.Fields {
			f := &t.Fields[i]
			if field, ok := f.value(v); ok {
				b = appendCBOR(cborString(b, f.Name), f.Type, field)
			}
		}
		return append(b, 0xff)
	case schema.List:
		b = cborHead(b, cborArray, uint64(v.Len()))
		for i := range v.Len() {
			b = appendCBOR(b, t.Elem, v.Index(i))
		}
		return b
	case schema.Map:
		b = cborHead(b, cborMap, uint64(v.Len()))
		for _, k := range sortedKeys(v) {
			b = appendCBOR(cborString(b, k.String()), t.Elem, v.MapIndex(k))
		}
		return b
	case schema.String:
		return cborString(b, v.String())
	case schema.Blob:
		return append(cborHead(b, cborBytes, uint64(v.Len())), v.Bytes()...)
	case schema.Boolean:
		if v.Bool() {
			return append(b, 0xf5)
		}
		return append(b, 0xf4)
	case schema.Integer, schema.Long:
		if n := v.Int(); n < 0 {
			return cborHead(b, cborNegative, uint64(-(n + 1)))
		}
		return cborHead(b, cborUint, uint64(v.Int()))
	case schema.Float:
		return binary.BigEndian.AppendUint32(append(b, 0xfa), math.Float32bits(float32(v.Float())))
	case schema.Double:
		return cborDouble(b, v.Float())
	case schema.Timestamp:
		at := v.Interface().(schema.Time)
		return cborDouble(cborHead(b, cborTag, 1), float64(at.UnixMilli())/1000)
	}
	return append(b, 0xf6) // a document: RPC v2 has none
}

// cborHead appends a major type with its argument in the shortest form.
func cborHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n <= math.MaxUint8:
		return append(b, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

func cborString(b []byte, s string) []byte {
	return append(cborHead(b, cborText, uint64(len(s))), s...)
}

func cborDouble(b []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(append(b, 0xfb), math.Float64bits(f))
}
