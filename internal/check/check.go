// Package check says, before anything runs, what a file asks of ECS that Berth does not do. The file is a task definition or a
// list of container definitions, a compose file, or the plan of Terraform as JSON; `berth check` reads it. What Berth does is
// asked of the same registrations that its server answers by: there is no second list of it.
package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v4"

	"github.com/berth-dev/berth/internal/wire"
)

// API knows what Berth does of an operation's input: a *wire.Server.
type API interface {
	Examine(service, operation string, input []byte, partial bool) []wire.Finding
}

// Finding is something that a file asks for and does not get as on AWS.
type Finding struct {
	Severity wire.Severity `json:"is"`
	// Where is the place in the file: "containerDefinitions[0].secrets", "services.web.secrets",
	// "aws_ecs_task_definition.web: containerDefinitions[0].secrets".
	Where string `json:"where"`
	What  string `json:"what"` // what of AWS it is about: "ecs RegisterTaskDefinition"
	Why   string `json:"why"`
}

// Report is what there is to say of a file.
type Report struct {
	Kind     string    `json:"kind"` // TaskDefinition, Containers, Compose or Plan
	Findings []Finding `json:"findings"`
}

// The kinds of files.
const (
	TaskDefinition = "task definition"
	Containers     = "list of container definitions"
	Compose        = "compose file"
	Plan           = "terraform plan"
)

// Stops counts the findings for which a request would be refused.
func (r Report) Stops() (n int) {
	for _, f := range r.Findings {
		if f.Severity == wire.Refused || f.Severity == wire.Invalid {
			n++
		}
	}
	return n
}

// ErrUnknownKind is returned for a file of no kind that File knows.
var ErrUnknownKind = errors.New("it is no task definition, no compose file and no plan as `terraform show -json` writes it")

// File checks a file by its content; dir is where the files that it names lie.
func File(ctx context.Context, api API, text []byte, dir string) (Report, error) {
	text = bytes.TrimPrefix(bytes.TrimSpace(text), []byte("\ufeff"))
	if areContainers(text) {
		return Report{Kind: Containers, Findings: present(containers(api, text))}, nil
	}
	members, object, err := parse(text)
	if err != nil {
		return Report{}, err
	}
	has := func(names ...string) bool {
		for _, name := range names {
			if _, ok := members[name]; ok {
				return true
			}
		}
		return false
	}
	var found []Finding
	kind := ""
	switch {
	case has("containerDefinitions") || has("taskDefinition") && members["taskDefinition"].Kind() == '{':
		kind, found = TaskDefinition, definition(api, members)
	case has("planned_values", "resource_changes"):
		kind = Plan
		found, err = plan(api, object)
	case has("services", "include"):
		kind = Compose
		found, err = composeFile(ctx, api, text, dir)
	default:
		err = ErrUnknownKind
	}
	return Report{Kind: kind, Findings: present(found)}, err
}

// pageLink is how docs/compatibility.md, whose texts these are, links to a page beside it.
var pageLink = regexp.MustCompile(`\[[^\]]+\]\(([a-z-]+\.md)\)`)

// present are findings as they are shown: never nil, and without links.
func present(found []Finding) []Finding {
	shown := make([]Finding, len(found))
	for i, f := range found {
		f.Why = pageLink.ReplaceAllString(f.Why, "docs/$1")
		shown[i] = f
	}
	return shown
}

// parse reads a JSON object, or a YAML one as JSON.
func parse(text []byte) (members map[string]jsontext.Value, object []byte, err error) {
	if len(text) == 0 {
		return nil, nil, errors.New("it is empty")
	}
	if text[0] != '{' {
		var v map[string]any
		if err := yaml.Unmarshal(text, &v); err != nil {
			return nil, nil, fmt.Errorf("it is neither JSON nor YAML: %w", err)
		}
		if text, err = json.Marshal(v); err != nil {
			return nil, nil, fmt.Errorf("it is no JSON in YAML's form: %w", err)
		}
	}
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, nil, fmt.Errorf("it is not valid JSON: %w", err)
	}
	return members, text, nil
}
