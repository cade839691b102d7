package wire

import (
	"slices"

	"github.com/berth-dev/berth/internal/unsupported"
	"github.com/berth-dev/berth/internal/wire/codec"
)

// asked records something that the request asks for and does not get, and tells it in the log for the first time.
func (x *exchange) asked(e unsupported.Entry) {
	if !x.Unsupported.Add(e, x.Now()) {
		return
	}
	tell := x.Log.Warn // what is ignored is seen nowhere else
	if e.Did == unsupported.Refused {
		tell = x.Log.Info
	}
	tell("asked for what Berth does not do: "+e.Why, "did", e.Did, "service", e.Service, "operation", e.Operation,
		"parameter", e.Parameter, "value", e.Value)
}

// Why something is not done, where no registration says it.
const (
	whyUnknown   = "Berth's API model has no such parameter"
	whyValue     = "Berth's API model has no such value of it"
	whyNotBuilt  = "the operation is not built"
	whyOperation = "Berth's API model has no such operation"
	whyService   = "the service is not there"
)

// ignored records the members of an input that the model does not have.
func (x *exchange) ignored(op *operation, paths []string) {
	for _, path := range paths {
		x.asked(unsupported.Entry{Asked: op.asked(path, ""), Did: unsupported.Ignored, Why: whyUnknown, Made: true})
	}
}

// violated records values that a member can't have by the model: they may be newer than it.
func (x *exchange) violated(op *operation, found []codec.Violation) {
	for _, v := range found {
		if v.Choice != "" {
			x.asked(unsupported.Entry{Asked: op.asked(v.Choice, ""), Did: unsupported.Refused, Why: whyValue})
		}
	}
}

// refused records the members of an input that are refused.
func (x *exchange) refused(op *operation, found []Refusal) {
	for _, r := range found {
		made := !slices.ContainsFunc(op.refused, func(known refusal) bool { return known.path.Name == r.parameter })
		x.asked(unsupported.Entry{Asked: op.asked(r.parameter, r.Value), Did: unsupported.Refused, Why: r.Why, Made: made})
	}
}

func (o *operation) asked(parameter, value string) unsupported.Asked {
	return unsupported.Asked{Service: o.API.Package, Operation: o.Decl.Name, Parameter: parameter, Value: value}
}

// unbuilt records an operation that is not there, of a service that is not there either when svc is nil. Its caller has been
// authenticated.
func (x *exchange) unbuilt() {
	e := unsupported.Entry{Did: unsupported.Refused, Why: whyService, Made: true,
		Asked: unsupported.Asked{Service: codec.Name(scopeOf(x.r)), Operation: codec.Name(x.to.operation)}}
	if svc := x.to.service; svc != nil {
		_, known := svc.known[x.to.operation]
		e.Service, e.Made, e.Why = svc.api.Package, !known, whyOperation
		if known {
			e.Why = whyNotBuilt
		}
	}
	x.asked(e)
}

// NotDone is the record of what was asked for and not done, without what this Berth would do by now: an earlier one kept it.
func (s *Server) NotDone() unsupported.Record {
	record := s.Unsupported.Record()
	record.Entries = slices.DeleteFunc(record.Entries, func(e unsupported.Entry) bool { return s.does(e) })
	return record
}

func (s *Server) does(a unsupported.Entry) bool {
	i := slices.IndexFunc(s.routes.services, func(svc *Service) bool { return svc.api.Package == a.Service })
	if i < 0 {
		return false
	}
	op := s.routes.services[i].built[a.Operation]
	switch {
	case op == nil || op.In == nil:
		return op != nil
	case a.Parameter == "":
		return true
	}
	path, err := op.In.Path(a.Parameter)
	if err != nil {
		return false
	}
	refused := slices.ContainsFunc(op.refused, func(r refusal) bool {
		return r.path.Name == a.Parameter && !slices.Contains(r.accepted, a.Value)
	})
	newer := path.Choice() && a.Value == "" && a.Did == unsupported.Refused // a value that no model has
	found := a.Made && a.Did == unsupported.Refused && op.finds != nil      // by what no path alone tells: it may be so still
	return !refused && !newer && !found
}
