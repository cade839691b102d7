package check

import (
	"strings"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/wire"
)

// findings are those of an input that stands at a place of a file; empty: it is the file.
func findings(at string, examined []wire.Finding) (found []Finding) {
	for _, f := range examined {
		where := strings.TrimPrefix(at+": "+f.Where, ": ")
		if f.Where == "" {
			where = at
		}
		found = append(found, Finding{f.Severity, where, strings.TrimSpace(f.Operation), f.Why})
	}
	return found
}

// shape is a shape of the ECS API.
type shape struct{ *schema.Shape }

// shapeOf is the shape of that name. One that nothing built uses has no members.
func shapeOf(name string) shape {
	for i := range ecs.API.Shapes {
		if ecs.API.Shapes[i].Name == name {
			return shape{&ecs.API.Shapes[i]}
		}
	}
	return shape{&schema.Shape{Name: name}}
}

// member is the member of that name, nil when there is none.
func (s shape) member(name string) *schema.Member {
	for i := range s.Members {
		if s.Members[i].Name == name {
			return &s.Members[i]
		}
	}
	return nil
}
