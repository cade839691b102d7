package check

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
)

// ownAttributes are Terraform's own: they ask nothing of AWS, or what another attribute asks for.
var ownAttributes = []string{"arn", "arn_without_revision", "id", "region", "revision", "skip_destroy", "tags_all", "timeouts", "track_latest",
	"force_delete", "force_new_deployment", "sigint_rollback", "triggers", "wait_for_steady_state"}

// filledIn are the attributes that AWS fills in where nothing is said: that they are unknown asks for nothing.
var filledIn = []string{"configure_at_launch", "enable_fault_injection"}

// renamed are the attributes whose names are not those of the API's members, by the shape that they stand in.
var renamed = map[string]map[string]string{
	"CreateClusterRequest":               {"name": "clusterName"},
	"CreateServiceRequest":               {"name": "serviceName", "iam_role": "role", "ordered_placement_strategy": "placementStrategy"},
	"LoadBalancer":                       {"elb_name": "loadBalancerName"},
	"PutClusterCapacityProvidersRequest": {"cluster_name": "cluster"},
	"Volume":                             {"host_path": "host", "configure_at_launch": "configuredAtLaunch"},
}

// input is what the resource makes of its attributes, by the API's names, and the attributes that it can't place.
func (r resource) input(operation string) (text []byte, left []string) {
	name := ""
	for _, op := range ecs.API.Operations {
		if op.Name == operation {
			name = op.Input
		}
	}
	if name == "" { // nothing is known of its input: it is not built
		return []byte("{}"), nil
	}
	values := r.Values
	switch r.Type {
	case "aws_ecs_service":
		values = serviceValues(values)
	case "aws_ecs_tag":
		values = map[string]any{"resource_arn": r.Values["resource_arn"], "tags": []any{map[string]any{"key": r.Values["key"], "value": r.Values["value"]}}}
	}
	c := converter{}
	text, err := json.Marshal(c.structure(shapeOf(name), values, ""), json.Deterministic(true))
	if err != nil {
		panic("check: JSON that was read can't be written: " + err.Error())
	}
	slices.Sort(c.left)
	return text, c.left
}

// converter turns Terraform's attributes into the API's members.
type converter struct{ left []string }

func (c *converter) structure(s shape, values map[string]any, at string) map[string]any {
	out := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := values[name]
		if at == "" && slices.Contains(ownAttributes, name) {
			continue
		}
		m := memberOf(s, name)
		if empty(value) {
			if list, ok := value.([]any); ok && m != nil && m.Required { // the provider sends the list without items
				out[m.Name] = list
			}
			continue
		}
		if m == nil {
			c.left = append(c.left, at+name)
			continue
		}
		if m.Shape == "HostVolumeProperties" {
			value = map[string]any{"source_path": value}
		}
		out[m.Name] = c.value(shapeOf(m.Shape), value, at+name)
	}
	return out
}

// memberOf is the member that an attribute is: memory_reservation is memoryReservation, volume is volumes.
func memberOf(s shape, attribute string) *schema.Member {
	if name, ok := renamed[s.Name][attribute]; ok {
		return s.member(name)
	}
	plain := strings.ReplaceAll(attribute, "_", "")
	for _, form := range []string{plain, plain + "s"} {
		for i := range s.Members {
			if strings.EqualFold(s.Members[i].Name, form) {
				return &s.Members[i]
			}
		}
	}
	return nil
}

// empty reports whether an attribute was not given.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

func (c *converter) value(s shape, v any, at string) any {
	switch s.Kind {
	case schema.Structure:
		if list, ok := v.([]any); ok && len(list) > 0 { // a block
			v = list[0]
		}
		if values, ok := v.(map[string]any); ok {
			return c.structure(s, values, at+".")
		}
	case schema.List:
		return c.list(s, v, at)
	case schema.Map:
		return v
	case schema.String:
		return text(v)
	case schema.Integer, schema.Long:
		if n, err := strconv.ParseInt(text(v), 10, 64); err == nil {
			return n
		}
	case schema.Boolean:
		if b, err := strconv.ParseBool(text(v)); err == nil {
			return b
		}
	}
	return v // the examination says what is wrong with it
}

func (c *converter) list(s shape, v any, at string) any {
	elem := shapeOf(s.Elem.Shape)
	switch v := v.(type) {
	case string: // JSON by the API's names
		raw := jsontext.Value(v)
		if raw.IsValid() {
			return raw
		}
	case map[string]any: // tags and properties
		var list []any
		for _, key := range slices.Sorted(maps.Keys(v)) {
			list = append(list, map[string]any{elem.Members[0].Name: key, "value": v[key]})
		}
		return list
	case []any:
		list := make([]any, 0, len(v))
		for i, item := range v {
			if !empty(item) {
				list = append(list, c.value(elem, item, fmt.Sprintf("%s[%d]", at, i)))
			}
		}
		return list
	}
	return v
}

// text is a scalar as text.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return fmt.Sprint(v)
}
