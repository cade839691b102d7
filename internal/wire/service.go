package wire

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

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
}

// operation is a registered operation.
type operation struct {
	*codec.Operation
	newIn   func() any
	call    func(ctx context.Context, in any) (any, error)
	valid   func(in any) error
	refused []refusal
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

// refusal is a member that Berth does not act on yet.
type refusal struct {
	path     codec.Path
	why      string
	accepted []string
}

// Refuse refuses requests that set a member which Berth does not act on yet,
// rather than to ignore what the caller asked for. The path is the member's
// names joined by dots; lists and maps on the way are walked through:
// "containerDefinitions.secrets". A member that is absent, empty, zero, false
// or one of accepted (AWS's default, where that is none of these) passes, and
// so does a list of accepted values. why
// ends the sentence "... is not supported by Berth yet: ".
func Refuse(path, why string, accepted ...string) Option {
	return func(o *operation) {
		if o.In == nil {
			panic("wire: " + o.Decl.Name + " has no input to refuse " + path + " of")
		}
		p, err := o.In.Path(path)
		if err != nil {
			panic("wire: " + o.Decl.Name + ": " + err.Error())
		}
		o.refused = append(o.refused, refusal{p, why, accepted})
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

// Unsupported is the error of Refuse, for a handler that refuses a member for what Refuse cannot see: its absence, or what
// is in it. where names the member as it was met: "containerDefinitions[0].secrets".
func Unsupported[In, Out any](op schema.Op[In, Out], where, why string) *Error {
	for i := range op.Service.Operations {
		if decl := &op.Service.Operations[i]; decl.Name == op.Name {
			return refusalOf(op.Service, decl, where, why)
		}
	}
	panic("wire: " + op.Service.ID + " has no operation " + op.Name)
}

func refusalOf(api *schema.Service, op *schema.Operation, where, why string) *Error {
	return Errorf(refusalCode(api, op), "The parameter %s of %s is not supported by Berth yet: %s. See docs/compatibility.md.",
		where, op.Name, strings.TrimSuffix(why, "."))
}

// refusalCode is the code of the answer to a request that sets a refused member.
func refusalCode(api *schema.Service, op *schema.Operation) string {
	if slices.Contains(op.Errors, api.Unsupported) {
		return api.Unsupported
	}
	return api.Invalid
}

// refuse finds the first member of in that is refused.
func (o *operation) refuse(in any) *Error {
	for _, r := range o.refused {
		places := r.path.Places(in, r.accepted)
		if places == nil {
			continue
		}
		return refusalOf(o.API, o.Decl, places[0].Where, r.why)
	}
	return nil
}
