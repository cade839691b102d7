package ecs

import (
	"regexp"
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire"
)

// tagText is the place of a tag's key or value in an input.
var tagText = regexp.MustCompile(`^tags\.\d+\.member\.(key|value)$`)

// ownWords is what ECS says, instead of AWS's common sentence, of an input that breaks the model's constraints.
func ownWords(_ string, broken wire.Violation) *wire.Error {
	switch {
	case broken.Blank && !strings.Contains(broken.Path, "."):
		return wire.Errorf(codeOfBlank(broken.Path), "%s can not be blank.", strings.ToUpper(broken.Path[:1])+broken.Path[1:])
	case broken.Path == "containerDefinitions" && broken.Missing:
		return wire.Errorf(api.ClientException, "Container list cannot be empty.")
	case broken.Path == "tasks" && broken.Missing:
		return wire.Errorf(api.InvalidParameterException, "Tasks cannot be empty.")
	case broken.Path == "containerInstances" && broken.Missing:
		return wire.Errorf(api.InvalidParameterException, "Container instances cannot be empty.")
	case tagText.MatchString(broken.Path) && strings.Contains(broken.Constraint, "regular expression"):
		return wire.Errorf(api.InvalidParameterException, "Some tags contain invalid characters. Valid characters: UTF-8 letters, spaces, numbers and _ . / = + - : @.")
	}
	return nil
}

// codeOfBlank is the error that a required name is absent: all that is wrong with a task definition is a ClientException.
func codeOfBlank(member string) string {
	if member == "family" || member == "taskDefinition" {
		return api.ClientException
	}
	return api.InvalidParameterException
}
