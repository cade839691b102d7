package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/internal/wire"
)

// planned is what `terraform show -json` writes of a plan, as far as it is looked at.
type planned struct {
	Values struct {
		Root module `json:"root_module"`
	} `json:"planned_values"`
	Prior struct {
		Values struct {
			Root module `json:"root_module"`
		} `json:"values"`
	} `json:"prior_state"`
	Changes []struct {
		Address string `json:"address"`
		Mode    string `json:"mode"`
		Type    string `json:"type"`
		Change  struct {
			Unknown jsontext.Value `json:"after_unknown"`
		} `json:"change"`
	} `json:"resource_changes"`
}

type module struct {
	Resources []resource `json:"resources"`
	Children  []module   `json:"child_modules"`
}

// resource is a resource, or a data source when its mode is data.
type resource struct {
	Address string         `json:"address"`
	Mode    string         `json:"mode"`
	Type    string         `json:"type"`
	Values  map[string]any `json:"values"`
	// unknown are the attributes of which more is known after the apply only.
	unknown map[string]any
}

func (m module) all() (list []resource) {
	list = slices.Clone(m.Resources)
	for _, child := range m.Children {
		list = append(list, child.all()...)
	}
	return list
}

// plan checks each resource of AWS's provider: the operations that it needs, and of the resources of ECS their attributes.
func plan(api API, text []byte) ([]Finding, error) {
	var p planned
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, fmt.Errorf("it is no plan as `terraform show -json` writes it: %w", err)
	}
	there := map[string]resource{}
	for _, r := range p.Values.Root.all() {
		there[r.Address] = r
	}
	for _, r := range p.Prior.Values.Root.all() { // what was read for the plan; all else of it is planned, or goes
		if r.Mode == "data" {
			there[r.Address] = r
		}
	}
	for _, c := range p.Changes {
		r, ok := there[c.Address]
		if !ok && c.Mode == "data" { // one that is read during the apply
			r, ok = resource{Address: c.Address, Mode: c.Mode, Type: c.Type}, true
		}
		if ok && len(c.Change.Unknown) > 0 && c.Change.Unknown[0] == '{' {
			if err := json.Unmarshal(c.Change.Unknown, &r.unknown); err != nil {
				return nil, fmt.Errorf("what is unknown of %s: %w", c.Address, err)
			}
		}
		if ok {
			there[c.Address] = r
		}
	}
	var found []Finding
	for _, address := range slices.Sorted(maps.Keys(there)) {
		if r := there[address]; strings.HasPrefix(r.Type, "aws_") {
			found = append(found, r.check(api)...)
		}
	}
	return found, nil
}

// check tells what the resource needs and does not get: of the operation that makes it all that is to say of its input, of the
// others that they are not built.
func (r resource) check(api API) (found []Finding) {
	needs, known := resources[r.Type], true
	if r.Mode == "data" {
		needs, known = dataSources[r.Type]
	}
	if r.Mode == "data" && !known || needs == nil && r.Mode != "data" {
		needs = []need{{serviceOf(r.Type), ""}}
	}
	for i, n := range needs {
		if r.Mode != "data" && i == 0 && n.service == "ecs" {
			input, left := r.input(n.operation)
			examined := api.Examine(n.service, n.operation, input, r.partial())
			found = append(found, findings(r.Address, examined)...)
			found = append(found, r.left(n, left)...)
		} else if examined := api.Examine(n.service, n.operation, nil, true); len(examined) > 0 && examined[0].Severity == wire.Refused && examined[0].Where == "" {
			found = append(found, findings(r.Address, examined[:1])...)
		}
		if i == 0 && len(found) > 0 && found[0].Severity == wire.Refused && found[0].Where == r.Address {
			break // without it, the others are not asked for
		}
	}
	return found
}

// partial tells whether more of what the resource asks for is known later.
func (r resource) partial() bool {
	asked := maps.Clone(r.unknown)
	maps.DeleteFunc(asked, func(name string, _ any) bool { return slices.Contains(ownAttributes, name) })
	return unknown(asked)
}

// unknown tells whether there is an attribute in a value of which more is known later.
func unknown(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case []any:
		return slices.ContainsFunc(v, unknown)
	case map[string]any:
		for name, value := range v {
			if !slices.Contains(filledIn, name) && unknown(value) {
				return true
			}
		}
	}
	return false
}

// left tells the attributes that are not judged.
func (r resource) left(n need, names []string) (found []Finding) {
	for _, name := range names {
		found = append(found, Finding{wire.Differs, r.Address + ": " + name, n.service + " " + n.operation, "it is not known what Terraform asks for by it"})
	}
	if hidden, ok := r.unknown["container_definitions"].(bool); ok && hidden {
		found = append(found, Finding{wire.Differs, r.Address + ": container_definitions", n.service + " " + n.operation,
			"it is known after the apply only, and was not checked"})
	}
	return found
}
