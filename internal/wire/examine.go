package wire

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/berth-dev/berth/internal/wire/codec"
)

// Severity is how what Berth does of an input differs from what the input asks for.
type Severity string

// The severities.
const (
	Invalid Severity = "invalid" // AWS would not take it either
	Refused Severity = "refused" // Berth does not do it, and says so
	Differs Severity = "differs" // Berth does it in its own way
	Ignored Severity = "ignored" // the API model has no such member: nothing is done about it
)

// Finding is something that an input asks for and does not get as on AWS.
type Finding struct {
	Severity  Severity `json:"is"`
	Operation string   `json:"operation"`      // "ecs RunTask"
	Where     string   `json:"where,omitzero"` // "containerDefinitions[0].secrets"; empty: the whole
	Why       string   `json:"why"`
}

// Examine tells what the server would do of an input, which is JSON by the names of the API model, without doing any of it: by the
// same registrations. A partial input is one of which more becomes known later: what it lacks is not missed, and the service's own
// check is not asked.
func (s *Server) Examine(service, operation string, input []byte, partial bool) []Finding {
	is := func(severity Severity, where, format string, args ...any) Finding {
		return Finding{severity, service + " " + operation, where, fmt.Sprintf(format, args...)}
	}
	op, why := s.built(service, operation)
	if op == nil {
		return []Finding{is(Refused, "", "%s", why)}
	}
	in, request := op.newIn(), codec.Request{Body: input}
	if err := codec.For("json-1.1").Decode(op.Operation, &request, in); err != nil {
		return []Finding{is(Invalid, "", "%v", err)}
	}
	var found []Finding
	broken := op.In.Check(in)
	for _, v := range broken {
		if !v.Missing || !partial {
			found = append(found, is(Invalid, place(v.Path), "%v", v))
		}
	}
	if op.valid != nil && broken == nil && !partial {
		var answer *Error
		if errors.As(op.valid(in), &answer) {
			found = append(found, is(Invalid, "", "%s", answer.Message))
		}
	}
	for _, r := range op.refusals(in) {
		if !partial || !absent(op, in, r) {
			found = append(found, is(Refused, r.Where, "%s", r.Why))
		}
	}
	found = append(found, s.differences(op, in, is)...)
	for _, path := range request.Unknown {
		found = append(found, is(Ignored, path, "%s", whyUnknown))
	}
	return found
}

// listItem is an item of a list in the path of a violation, counted from 1.
var listItem = regexp.MustCompile(`\.(\d+)\.member`)

// place is the path of a violation as refusals spell theirs.
func place(path string) string {
	return listItem.ReplaceAllStringFunc(path, func(item string) string {
		n, _ := strconv.Atoi(listItem.FindStringSubmatch(item)[1])
		return "[" + strconv.Itoa(n-1) + "]"
	})
}

// built is the operation, or why there is none.
func (s *Server) built(service, operation string) (*operation, string) {
	for _, svc := range s.routes.services {
		if svc.api.Package != service {
			continue
		}
		switch op, known := svc.built[operation], svc.known[operation] != nil; {
		case op != nil:
			return op, ""
		case known:
			return nil, whyNotBuilt
		}
		return nil, whyOperation
	}
	return nil, whyService
}

// absent reports whether a refusal is for what an input lacks.
func absent(op *operation, in any, r Refusal) bool {
	path, err := op.In.Path(r.parameter)
	return err == nil && path.Places(in, nil) == nil
}

// differences are the notes on the members that an input has.
func (s *Server) differences(op *operation, in any, is func(Severity, string, string, ...any) Finding) (found []Finding) {
	for _, n := range op.notes {
		if n.path == "" {
			found = append(found, is(Differs, "", "%s", n.how))
			continue
		}
		path, err := op.In.Path(n.path)
		if err != nil {
			continue // a note is registered on a member that is there
		}
		refused := slices.ContainsFunc(op.refused, func(r refusal) bool { return r.path.Name == n.path && r.path.Places(in, r.accepted) != nil })
		for _, place := range path.Places(in, nil) {
			if !refused {
				found = append(found, is(Differs, place.Where, "%s", n.how))
			}
		}
	}
	return found
}
