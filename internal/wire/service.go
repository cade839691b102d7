package wire

import (
	"context"
	"fmt"
	"reflect"

	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/wire/codec"
)

// Service is one AWS service on a server. Its operations are registered with
// Handle before the server serves.
type Service struct {
	server *Server
	api    *schema.Service
	bind   *codec.Binder
	known  map[string]*schema.Operation
	built  map[string]*operation
	uris   []codec.Route // of a REST service
	words  func(operation string, broken Violation) *Error
}

// Violation is a value in an input that breaks a constraint of the model.
type Violation = codec.Violation

// InOwnWords has tell answer inputs that break the model's constraints where the AWS service has a text of its own for that;
// for nil the answer is what all of AWS's services say. It is called before the server serves.
func (svc *Service) InOwnWords(tell func(operation string, broken Violation) *Error) {
	svc.words = tell
}

// operation is a registered operation.
type operation struct {
	*codec.Operation
	newIn   func() any
	call    func(ctx context.Context, in any) (any, error)
	valid   func(in any) error
	refused []refusal
	finds   []func(in any) []Refusal
	notes   []note
}

// Service adds an AWS service to the server.
func (s *Server) Service(api *schema.Service) *Service {
	svc := &Service{server: s, api: api, bind: codec.NewBinder(api),
		known: map[string]*schema.Operation{}, built: map[string]*operation{}, uris: codec.Routes(api)}
	for i := range api.Operations {
		svc.known[api.Operations[i].Name] = &api.Operations[i]
	}
	s.routes.add(svc)
	return svc
}

// Handle registers what answers an operation. The input that h gets has been
// checked against the model's constraints and the options; it belongs to h.
// An output of nil is an empty one. A mistake in the registration panics.
func Handle[In, Out any](svc *Service, op schema.Op[In, Out], h func(context.Context, *In) (*Out, error), options ...Option) {
	if op.Service != svc.api {
		panic(fmt.Sprintf("wire: %s is not an operation of %s", op.Name, svc.api.ID))
	}
	bound, err := svc.bind.Operation(op.Name, reflect.TypeFor[In](), reflect.TypeFor[Out]())
	if err != nil {
		panic("wire: " + err.Error())
	}
	if svc.built[op.Name] != nil {
		panic("wire: " + op.Name + " is registered twice")
	}
	o := &operation{
		Operation: bound,
		newIn:     func() any { return new(In) },
		call: func(ctx context.Context, in any) (any, error) {
			out, err := h(ctx, in.(*In))
			if out == nil {
				out = new(Out)
			}
			return out, err
		},
	}
	for _, option := range options {
		option(o)
	}
	svc.built[op.Name] = o
}

// Option changes how an operation is handled.
type Option func(*operation)

// Validate has check look at an input before Berth refuses members of it, so that AWS's own error comes first for what AWS
// would not take either. The input has been checked against the model's constraints. check returns an *Error or nil.
func Validate[In any](check func(*In) error) Option {
	return func(o *operation) {
		if _, ok := o.newIn().(*In); !ok {
			panic(fmt.Sprintf("wire: %s has no input of type %T", o.Decl.Name, *new(In)))
		}
		o.valid = func(in any) error { return check(in.(*In)) }
	}
}

// note says how what Berth does differs from AWS.
type note struct{ path, how string }

// Note says, for docs/compatibility.md, how Berth differs from AWS in what it
// does of a member, or of the whole operation where the path is empty.
func Note(path, how string) Option {
	return func(o *operation) {
		if path != "" {
			if _, err := o.In.Path(path); err != nil {
				panic("wire: " + o.Decl.Name + ": " + err.Error())
			}
		}
		o.notes = append(o.notes, note{path, how})
	}
}
