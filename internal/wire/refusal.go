package wire

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/wire/codec"
)

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

// Refusal is a place in an input that asks for what Berth does not do yet.
type Refusal struct {
	Where string // as it was met: "containerDefinitions[0].secrets"
	Why   string // ends the sentence "... is not supported by Berth yet: "

	// Value tells what was refused apart in the record, if it is one of a few that the API has: what callers made up stays out.
	Value string

	parameter string // for the record: the member's names
}

// RefuseWhere is Refuse for what a member's path alone does not tell: its absence, or what is in it. find returns every place of
// an input that is refused; the input has been checked as for the handler, which does not get it unless there is none.
func RefuseWhere[In any](find func(*In) []Refusal) Option {
	return func(o *operation) {
		if _, ok := o.newIn().(*In); !ok {
			panic(fmt.Sprintf("wire: %s has no input of type %T", o.Decl.Name, *new(In)))
		}
		o.finds = append(o.finds, func(in any) []Refusal { return find(in.(*In)) })
	}
}

// refusals are the places of an input that are refused.
func (o *operation) refusals(in any) (found []Refusal) {
	for _, r := range o.refused {
		for _, place := range r.path.Places(in, r.accepted) {
			found = append(found, Refusal{place.Where, r.why, place.Value, r.path.Name})
		}
	}
	for _, find := range o.finds {
		for _, r := range find(in) {
			r.parameter = names(r.Where)
			found = append(found, r)
		}
	}
	return found
}

// names are the names of a place, without its indexes.
func names(where string) string {
	var b strings.Builder
	inside := false
	for _, c := range where {
		if inside = inside && c != ']' || c == '['; !inside && c != ']' {
			b.WriteRune(c)
		}
	}
	parts := strings.Split(b.String(), ".")
	for i := range parts {
		parts[i] = codec.Name(parts[i])
	}
	return strings.Join(parts, ".")
}

// error is the answer to an input that is refused for r.
func (r Refusal) error(o *operation) *Error {
	return Errorf(refusalCode(o.API, o.Decl), "The parameter %s of %s is not supported by Berth yet: %s. See docs/compatibility.md.",
		r.Where, o.Decl.Name, strings.TrimSuffix(r.Why, "."))
}

// refusalCode is the code of the answer to a request that sets a refused member.
func refusalCode(api *schema.Service, op *schema.Operation) string {
	if slices.Contains(op.Errors, api.Unsupported) {
		return api.Unsupported
	}
	return api.Invalid
}
