package codec

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/api/schema"
)

// jsonCodec is awsJson 1.0 and 1.1: they differ in their content type.
type jsonCodec struct{ contentType string }

// What bounds a document beside its size. AWS's own inputs stay below twenty
// levels and ten thousand structures; of Go's, one may take a hundred times the
// bytes that spell it: "{}".
const (
	maxDepth      = 100
	maxStructures = 1 << 15
)

func tooDeep() error { return malformed("The request nests more than %d levels deep.", maxDepth) }

func tooMany() error { return malformed("The request has more than %d structures.", maxStructures) }

func (jsonCodec) Decode(op *Operation, req *Request, in any) error {
	if len(req.Body) == 0 || op.In == nil {
		return nil
	}
	u := unknown{}
	err := decodeJSON(op.In, req.Body, in, &u)
	req.Unknown = u.found
	return err
}

// decodeJSON reads a document twice when it has unknown members, and thrice to find them: the many that have none pay nothing.
func decodeJSON(t *Type, body []byte, in any, u *unknown) error {
	if err := checkOutline(body); err != nil {
		return err
	}
	err := json.Unmarshal(body, in, json.RejectUnknownMembers(true))
	if errors.Is(err, json.ErrUnknownName) {
		reflect.ValueOf(in).Elem().SetZero()
		if err = json.Unmarshal(body, in); err == nil {
			u.json(t, body)
		}
	}
	return jsonFault(err)
}

func (c jsonCodec) Encode(op *Operation, _ string, out any) (*Response, error) {
	if op.Out == nil {
		return &Response{Type: c.contentType}, nil
	}
	body, err := appendJSON(out)
	return &Response{Type: c.contentType, Body: body}, err
}

// appendJSON never fails for text that is not UTF-8: what a container printed
// may be anything, and is replaced as AWS replaces it.
func appendJSON(v any) ([]byte, error) {
	return json.Marshal(v, jsontext.AllowInvalidUTF8(true))
}

func (c jsonCodec) Fault(_ *schema.Service, _ string, e *Error) *Response {
	fields := map[string]any{}
	for k, v := range e.Fields {
		fields[k] = v
	}
	fields["__type"], fields["message"] = e.Code, e.Message
	body, err := json.Marshal(fields, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil { // a field that is no JSON: the code still goes out
		body, _ = json.Marshal(map[string]string{"__type": e.Code, "message": e.Message},
			json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	}
	return &Response{Status: e.Status, Type: c.contentType, Body: body}
}

// checkOutline refuses a JSON document beyond the bounds, without parsing it. A
// null makes a structure too, in a list of them.
func checkOutline(body []byte) error {
	depth, structures, quoted := 0, 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return tooDeep()
			}
			if c == '{' {
				structures++
			}
		case c == '}' || c == ']':
			depth--
		case c == 'n':
			structures++
		}
	}
	if structures > maxStructures {
		return tooMany()
	}
	return nil
}

// jsonFault turns what the JSON library says into the words that AWS uses,
// with the place added.
func jsonFault(err error) error {
	var sem *json.SemanticError
	var syn *jsontext.SyntacticError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &sem) && sem.GoType != nil:
		where := ""
		if sem.JSONPointer != "" {
			where = fmt.Sprintf(" (at %s)", sem.JSONPointer)
		}
		if sem.JSONKind == 0 && sem.Err != nil { // the right kind, out of range
			return malformed("The %v%s", sem.Err, where)
		}
		return malformed("%s%s", mismatch(sem.JSONKind, sem.GoType), where)
	case errors.As(err, &syn):
		return malformed("The request is not valid JSON: %v", syn)
	}
	return malformed("The request is not valid JSON: %v", err)
}

// mismatch is AWS's text for a value of the wrong type.
func mismatch(got jsontext.Kind, want reflect.Type) string {
	name, scalar := javaName(want)
	switch got {
	case '{':
		return "Start of structure or map found where not expected."
	case '[':
		return "Start of list found where not expected"
	}
	if !scalar {
		return "Expected " + name + " or null"
	}
	token := map[jsontext.Kind]string{'"': "STRING_VALUE", '0': "NUMBER_VALUE", 't': "TRUE_VALUE", 'f': "FALSE_VALUE", 'n': "NULL_VALUE"}[got]
	return token + " can not be converted to " + name
}

var timeType = reflect.TypeFor[schema.Time]()

// javaName is how AWS's servers call a type, with its article.
func javaName(t reflect.Type) (name string, scalar bool) {
	if t == timeType {
		return "a Timestamp", true
	}
	switch t.Kind() {
	case reflect.Int32:
		return "an Integer", true
	case reflect.Int64:
		return "a Long", true
	case reflect.Float32:
		return "a Float", true
	case reflect.Float64:
		return "a Double", true
	case reflect.Bool:
		return "a Boolean", true
	case reflect.String:
		return "a String", true
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "a Blob", true
		}
		return "list", false
	case reflect.Map:
		return "map", false
	}
	return "structure", false
}
