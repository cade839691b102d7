package check

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/api/ecs"
)

// definition checks a task definition: the input of RegisterTaskDefinition, or the answer of DescribeTaskDefinition, with its
// envelope or without. What only answers have asks for nothing.
func definition(api API, members map[string]jsontext.Value) []Finding {
	if described, ok := members["taskDefinition"]; ok {
		var inner map[string]jsontext.Value
		if err := json.Unmarshal(described, &inner); err == nil && inner != nil {
			if tags, ok := members["tags"]; ok && string(tags) != "[]" {
				inner["tags"] = tags
			}
			members = inner
		}
	}
	answered, asked := shapeOf("TaskDefinition"), shapeOf("RegisterTaskDefinitionRequest")
	input := map[string]jsontext.Value{}
	for name, value := range members {
		if asked.member(name) != nil || answered.member(name) == nil {
			input[name] = value
		}
	}
	text, err := json.Marshal(input, json.Deterministic(true))
	if err != nil {
		panic("check: JSON that was read can't be written: " + err.Error())
	}
	return findings("", api.Examine(ecs.API.Package, ecs.RegisterTaskDefinition.Name, text, false))
}
