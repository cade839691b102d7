package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// pkg is one Go package in the making.
type pkg struct {
	service
	model *model
	// reached names the shapes that the generated operations use, sorted; for
	// a package of types only, all structures and what they use.
	reached []string
	usedBy  map[string]string // input and output shapes -> what they are of
	goNames map[string]string // Go name -> what has it
}

func newPkg(s service, m *model) *pkg {
	p := &pkg{service: s, model: m, usedBy: map[string]string{}, goNames: map[string]string{}}
	seen := map[string]bool{}
	var reach func(name string)
	reach = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		sh := m.shape(name)
		if sh.Stream {
			panic(name + " is an event stream: the generator has no types for those yet")
		}
		for _, r := range sh.Members.byName {
			reach(r.Shape)
		}
		for _, r := range []*ref{sh.Member, sh.Key, sh.Value} {
			if r != nil {
				reach(r.Shape)
			}
		}
	}
	for _, name := range s.ops {
		op, ok := m.Operations[name]
		if !ok {
			panic(fmt.Sprintf("%s has no operation %s", s.model, name))
		}
		if op.Input != nil {
			reach(op.Input.Shape)
			p.usedBy[op.Input.Shape] = "the input of " + name
		}
		if op.Output != nil {
			reach(op.Output.Shape)
			p.usedBy[op.Output.Shape] = "the output of " + name
		}
	}
	if s.typesOnly() {
		for name, sh := range m.Shapes {
			if sh.Type == "structure" && !sh.Exception {
				reach(name)
			}
		}
	}
	p.reached = slices.Sorted(maps.Keys(seen))
	return p
}

func (s service) typesOnly() bool { return len(s.ops) == 0 }

// claim takes a Go name for what; two that want the same one are an error of
// the table in services.go.
func (p *pkg) claim(goName, what string) string {
	if prev, ok := p.goNames[goName]; ok {
		panic(fmt.Sprintf("%s: %s and %s are both called %s in Go", p.service.model, prev, what, goName))
	}
	p.goNames[goName] = what
	return goName
}

// structures are the reached structures that become Go types.
func (p *pkg) structures() []string {
	return slices.DeleteFunc(slices.Clone(p.reached), func(n string) bool {
		s := p.model.shape(n)
		return s.Type != "structure" || s.Document
	})
}

// enums are the reached strings with a set of values.
func (p *pkg) enums() []string {
	return slices.DeleteFunc(slices.Clone(p.reached), func(n string) bool { return len(p.model.shape(n).Enum) == 0 })
}

// operations are all operations of the model, sorted by name.
func (p *pkg) operations() []string { return slices.Sorted(maps.Keys(p.model.Operations)) }

// exceptions are the errors that the generated operations declare, sorted.
func (p *pkg) exceptions() []string {
	names := map[string]bool{}
	for _, op := range p.ops {
		for _, e := range p.model.Operations[op].Errors {
			names[e.Shape] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// goType is the Go type of a shape where it cannot be absent by itself: in a
// list or a map.
func (p *pkg) goType(name string) string {
	s := p.model.shape(name)
	switch s.Type {
	case "structure":
		if s.Document {
			return "jsontext.Value"
		}
		return exported(name)
	case "list":
		return "[]" + p.goType(s.Member.Shape)
	case "map":
		return "map[" + p.goType(s.Key.Shape) + "]" + p.goType(s.Value.Shape)
	case "string", "character":
		if len(s.Enum) > 0 {
			return exported(name)
		}
		return "string"
	case "blob":
		return "[]byte"
	case "boolean":
		return "bool"
	case "integer":
		return "int32"
	case "long":
		return "int64"
	case "float":
		return "float32"
	case "double":
		return "float64"
	case "timestamp":
		return "schema.Time"
	}
	panic("unknown type " + s.Type + " of shape " + name)
}

// field is the Go type of a structure's member, and whether its zero value is
// left out of an answer.
func (p *pkg) field(structure, member string) (goType string, omit bool) {
	r := p.model.shape(structure).Members.byName[member]
	s, t := p.model.shape(r.Shape), p.goType(r.Shape)
	switch s.Type {
	case "structure":
		if s.Document {
			return t, true
		}
		return "*" + t, true
	case "boolean", "integer", "long", "float", "double":
		if p.number == optional || s.Box || r.Box {
			return "*" + t, true
		}
		return t, false
	}
	if slices.Contains(p.pointers, structure+"."+member) {
		return "*" + t, true
	}
	return t, !slices.Contains(p.always, structure+"."+member)
}

// protocols are the wire protocols of the service as schema constants.
func (p *pkg) wireProtocols() []string {
	names := p.service.protocols
	if names == nil {
		names = p.model.Metadata.Protocols
	}
	var out []string
	for _, n := range names {
		switch n {
		case "json":
			n = "JSON" + strings.ReplaceAll(cmp.Or(p.model.Metadata.JSONVersion, "1.1"), ".", "")
		case "query":
			n = "Query"
		case "ec2":
			n = "EC2"
		case "rest-json":
			n = "RESTJSON"
		case "rest-xml":
			n = "RESTXML"
		case "smithy-rpc-v2-cbor":
			n = "CBOR"
		default:
			panic("unknown protocol " + n)
		}
		out = append(out, "schema."+n)
	}
	return out
}
