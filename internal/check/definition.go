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

// areContainers tells whether a file is a list of container definitions, as Terraform's container_definitions has it, and
// `aws ecs register-task-definition --container-definitions`.
func areContainers(text []byte) bool {
	var list []map[string]jsontext.Value
	if len(text) == 0 || text[0] != '[' || json.Unmarshal(text, &list) != nil || len(list) == 0 {
		return false
	}
	_, named := list[0]["name"]
	_, image := list[0]["image"]
	return named && image
}

// containers checks a list of container definitions, of which the task is not known.
func containers(api API, text []byte) []Finding {
	input, err := json.Marshal(map[string]jsontext.Value{"containerDefinitions": text})
	if err != nil {
		panic("check: JSON that was read can't be written: " + err.Error())
	}
	return findings("", api.Examine(ecs.API.Package, ecs.RegisterTaskDefinition.Name, input, true))
}
