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
	refused []refusal
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

// refuse finds the first member of in that is refused.
func (o *operation) refuse(in any) *Error {
	for _, r := range o.refused {
		where, set := r.path.Set(in, r.accepted)
		if !set {
			continue
		}
		code := o.API.Unsupported
		if !slices.Contains(o.Decl.Errors, code) {
			code = o.API.Invalid
		}
		return Errorf(code, "The parameter %s of %s is not supported by Berth yet: %s. See docs/compatibility.md.",
			where, o.Decl.Name, strings.TrimSuffix(r.why, "."))
	}
	return nil
}

// OperationInfo is what Berth does of one operation.
type OperationInfo struct {
	Service string // Berth's name of it: "ecs"
	Name    string
	Built   bool
	Members []string // top members of the input, when built
	Refused []RefusedMember
}

// RefusedMember is a member of an input that Berth refuses.
type RefusedMember struct {
	Path     string
	Why      string
	Accepted []string // values that pass all the same
}

// Operations lists every operation of every service, sorted, with what is
// refused of it: docs/compatibility.md is made from it.
func (s *Server) Operations() []OperationInfo {
	var list []OperationInfo
	for _, svc := range s.routes.services {
		for name := range svc.known {
			info := OperationInfo{Service: svc.api.Package, Name: name}
			if o := svc.built[name]; o != nil {
				info.Built = true
				if o.In != nil {
					for _, f := range o.In.Fields {
						info.Members = append(info.Members, f.Name)
					}
				}
				for _, r := range o.refused {
					info.Refused = append(info.Refused, RefusedMember{r.path.Name, r.why, r.accepted})
				}
			}
			list = append(list, info)
		}
	}
	slices.SortFunc(list, func(x, y OperationInfo) int {
		return strings.Compare(x.Service+"."+x.Name, y.Service+"."+y.Name)
	})
	return list
}
