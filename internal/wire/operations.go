package wire

import (
	"slices"
	"strings"

	"github.com/berth-dev/berth/internal/wire/codec"
)

// OperationInfo is what Berth does of one operation.
type OperationInfo struct {
	Service string // Berth's name of it: "ecs"
	Name    string
	Built   bool
	Error   string // code of the answer to one that is not built
	Note    string // how it differs from AWS's
	Members []MemberInfo
}

// MemberInfo is what Berth does of one member of an input.
type MemberInfo struct {
	Path     string   // its names joined by dots: "containerDefinitions.secrets"
	Error    string   // code of the answer that refuses it; empty: Berth acts on it
	Why      string   // it is refused
	Accepted []string // values that pass all the same
	Note     string   // how what is done differs from AWS
	Members  []MemberInfo
}

// Operations lists every operation of every service, sorted, with what Berth does of each member of those that are
// built: docs/compatibility.md is made from it.
func (s *Server) Operations() []OperationInfo {
	var list []OperationInfo
	for _, svc := range s.routes.services {
		for name := range svc.known {
			info := OperationInfo{Service: svc.api.Package, Name: name}
			if o := svc.built[name]; o != nil {
				info.Built, info.Note = true, o.note("")
				if o.In != nil {
					info.Members = o.members(o.In, "")
				}
			} else {
				info.Error = dialects[svc.api.Protocols[0]].unknownOperation.code
			}
			list = append(list, info)
		}
	}
	slices.SortFunc(list, func(x, y OperationInfo) int {
		return strings.Compare(x.Service+"."+x.Name, y.Service+"."+y.Name)
	})
	return list
}

// members lists those of a structure, or of the structures in a list or map. A shape that contains itself is not
// walked through again.
func (o *operation) members(t *codec.Type, path string, above ...*codec.Type) (all []MemberInfo) {
	for t.Elem != nil {
		t = t.Elem
	}
	if slices.Contains(above, t) {
		return nil
	}
	for _, f := range t.Fields {
		m := MemberInfo{Path: path + f.Name, Note: o.note(path + f.Name)}
		for _, r := range o.refused {
			if r.path.Name == m.Path {
				m.Error, m.Why, m.Accepted = refusalCode(o.API, o.Decl), r.why, r.accepted
			}
		}
		if m.Error == "" {
			m.Members = o.members(f.Type, m.Path+".", append(above, t)...)
		}
		all = append(all, m)
	}
	return all
}

func (o *operation) note(path string) string {
	for _, n := range o.notes {
		if n.path == path {
			return n.how
		}
	}
	return ""
}
