package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire/client"
)

// familyName is what can be a family, with or without a revision. A word with a dot or a slash is a file.
var familyName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}(:[0-9]+)?$`)

// definition registers the task definition in a file, or finds the family.
func (t *target) definition(ctx context.Context, what string, stdin io.Reader) (*ecs.TaskDefinition, error) {
	if what == "-" {
		text, err := io.ReadAll(stdin)
		if err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
		return t.register(ctx, "standard input", text)
	}
	text, err := os.ReadFile(what)
	switch {
	case err == nil:
		return t.register(ctx, what, text)
	case !familyName.MatchString(what) && errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no file %s", what)
	case !familyName.MatchString(what):
		return nil, err
	}
	answer, err := client.Call(ctx, t.client, ecs.DescribeTaskDefinition, &ecs.DescribeTaskDefinitionRequest{TaskDefinition: what})
	if hasCode(err, "ClientException") {
		return nil, fmt.Errorf("%s is neither a file here nor a registered family with an active revision; `aws ecs list-task-definitions` lists them", what)
	}
	if err != nil {
		return nil, err
	}
	return answer.TaskDefinition, nil
}

// register registers a task definition: what `aws ecs register-task-definition --cli-input-json` takes, or what
// `aws ecs describe-task-definition` answers.
func (t *target) register(ctx context.Context, name string, text []byte) (*ecs.TaskDefinition, error) {
	in, err := parseDefinition(text)
	if err != nil {
		return nil, fmt.Errorf("%s is not a task definition: %w", name, err)
	}
	answer, err := client.Call(ctx, t.client, ecs.RegisterTaskDefinition, in)
	if err != nil {
		return nil, fmt.Errorf("register %s: %w", name, err)
	}
	return answer.TaskDefinition, nil
}

func parseDefinition(text []byte) (*ecs.RegisterTaskDefinitionRequest, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, errors.New("it is empty")
	}
	var in struct {
		ecs.RegisterTaskDefinitionRequest
		Described *ecs.RegisterTaskDefinitionRequest `json:"taskDefinition"`
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, jsonError(text, err)
	}
	if in.Described != nil && in.Family == "" {
		return in.Described, nil
	}
	if in.Family == "" {
		return nil, errors.New(`it has no "family"`)
	}
	return &in.RegisterTaskDefinitionRequest, nil
}

// jsonError says at which line what is wrong with a JSON text.
func jsonError(text []byte, err error) error {
	var typed *json.SemanticError
	var syntax *jsontext.SyntacticError
	switch {
	case errors.As(err, &typed) && typed.GoType != nil && typed.JSONKind != 0:
		return fmt.Errorf("line %d: %s is of type %s and must be of type %s", lineAt(text, typed.ByteOffset), member(typed.JSONPointer), jsonKind(typed.JSONKind), jsonType(typed.GoType))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("line %d: the JSON ends before it is complete", lineAt(text, int64(len(text))))
	case errors.As(err, &syntax):
		return fmt.Errorf("line %d: it is not valid JSON: %w", lineAt(text, syntax.ByteOffset), syntax.Err)
	}
	return err
}

func lineAt(text []byte, offset int64) int {
	return 1 + bytes.Count(text[:min(offset, int64(len(text)))], []byte("\n"))
}

// member names a member as people write it: containerDefinitions[0].name.
func member(p jsontext.Pointer) string {
	var path strings.Builder
	for token := range p.Tokens() {
		switch {
		case strings.Trim(token, "0123456789") == "":
			fmt.Fprintf(&path, "[%s]", token)
		case path.Len() > 0:
			path.WriteString("." + token)
		default:
			path.WriteString(token)
		}
	}
	if path.Len() == 0 {
		return "the whole"
	}
	return path.String()
}

func jsonKind(k jsontext.Kind) string {
	switch k {
	case '"':
		return "string"
	case '0':
		return "number"
	case 't', 'f':
		return "boolean"
	case '{':
		return "object"
	case '[':
		return "list"
	}
	return k.String()
}

// jsonType is what JSON calls values of a Go type.
func jsonType(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return "object"
	case reflect.Slice:
		return "list"
	case reflect.Bool:
		return "boolean"
	case reflect.String:
		return "string"
	}
	return "number"
}
