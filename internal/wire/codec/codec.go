// Package codec turns the bytes of AWS's wire protocols into the generated Go
// types and back, by the shapes of api/schema. There is one codec per
// protocol, in a file of its own; a binding (Type) joins a shape to the Go
// type that holds it, and also carries the checks of the shape's constraints
// and the paths by which single members are found.
//
// internal/wire uses it to serve, internal/wire/client to call.
package codec

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/berth-dev/berth/api/schema"
)

// Codec speaks one protocol, from the server's side.
type Codec interface {
	// Decode reads the input of op from a request into in, a pointer to the
	// operation's Go type. What cannot be read is a *Malformed.
	Decode(op *Operation, req *Request, in any) error
	// Encode makes the answer that carries out, a pointer to the operation's
	// Go type.
	Encode(op *Operation, requestID string, out any) (*Response, error)
	// Fault makes the answer that carries an error.
	Fault(api *schema.Service, requestID string, e *Error) *Response
}

// Operation is an operation bound to its Go types.
type Operation struct {
	API  *schema.Service
	Decl *schema.Operation
	In   *Type // nil when there is no input
	Out  *Type // nil when there is no output
}

// Request is what a codec reads from.
type Request struct {
	HTTP   *http.Request
	Body   []byte            // whole, inflated
	Form   map[string]string // the parameters of the query protocols
	Labels map[string]string // what the URI template of a REST protocol matched

	// Unknown is set by Decode to the paths of members that the model does not have, names joined by dots, each once and
	// not more than a few. They were ignored.
	Unknown []string
}

// Response is what a codec makes.
type Response struct {
	Status int // 0 is 200
	Header [][2]string
	Type   string // Content-Type
	Body   []byte
}

// Malformed says that a request could not be read: it is the caller's fault.
type Malformed struct{ Message string }

func (m *Malformed) Error() string { return m.Message }

// malformed keeps its text fit for every protocol: it may repeat what came.
func malformed(format string, args ...any) error {
	return &Malformed{strings.ToValidUTF8(fmt.Sprintf(format, args...), "\uFFFD")}
}

// Error is an AWS error, as a service answers it and as a client reads it.
type Error struct {
	Code    string
	Message string
	Status  int            // HTTP status; 0 is that of the model, or 400
	Fields  map[string]any // further members of the modelled error

	RequestID string // set on the client's side
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// For returns the codec of a protocol.
func For(p schema.Protocol) Codec {
	switch p {
	case schema.JSON10:
		return jsonCodec{"application/x-amz-json-1.0"}
	case schema.JSON11:
		return jsonCodec{"application/x-amz-json-1.1"}
	case schema.Query:
		return formCodec{}
	case schema.EC2:
		return formCodec{ec2: true}
	case schema.CBOR:
		return cborCodec{}
	case schema.RESTJSON:
		return restCodec{}
	case schema.RESTXML:
		return restCodec{xml: true}
	}
	panic("codec: no codec for protocol " + string(p))
}
