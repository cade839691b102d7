package definition

import (
	"regexp"
	"slices"

	"github.com/go-json-experiment/json"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire"
)

// request is what is registered.
type request = api.RegisterTaskDefinitionRequest

// container is one of a request's containers.
type container = api.ContainerDefinition

// maxBytes is the length of a task definition as JSON.
const maxBytes = 64 << 10

// Validate returns what ECS answers to a request that it does not take, nil for one that it registers. The request has the
// types, enumerations and required members of the model. It is the first fault only, as on AWS.
func Validate(r *api.RegisterTaskDefinitionRequest) error {
	for _, check := range []func(*request) error{
		length, family, tags, roles, taskSize,
		names, containers, essential, sums, devices, ports, portNames,
		links, order, volumes, mounts, routers, platform, proxy, constraints,
	} {
		if err := check(r); err != nil {
			return err
		}
	}
	for _, c := range r.RequiresCompatibilities {
		if err := fits(r, c); err != nil {
			return err
		}
	}
	return nil
}

// invalid is the error by which ECS refuses a task definition.
func invalid(format string, args ...any) error {
	return wire.Errorf(api.ClientException, format, args...)
}

func length(r *request) error {
	text, err := json.Marshal(r)
	if err != nil {
		return invalid("The task definition cannot be read: %v", err)
	}
	if len(text) > maxBytes {
		return invalid("Actual length: '%d'. Max allowed length is '%d' bytes.", len(text), maxBytes)
	}
	return nil
}

var nameForm = regexp.MustCompile(`^[a-zA-Z0-9\-_]{1,255}$`)

func family(r *request) error {
	switch {
	case r.Family == "":
		return invalid("Family can not be blank.")
	case !nameForm.MatchString(r.Family):
		return invalid("Family contains invalid characters.")
	}
	return nil
}

// tags are those of package ecs to check, but for the empty list, which this operation does not take.
func tags(r *request) error {
	if r.Tags != nil && len(r.Tags) == 0 {
		return invalid("Tags can not be empty.")
	}
	return nil
}

var roleForm = regexp.MustCompile(`^(arn:[a-z-]+:iam::\d{12}:role/[\w+=,.@/-]{1,512}|[\w+=,.@-]{1,64})$`)

// ValidRole tells whether a role's name or ARN is well formed.
func ValidRole(role string) bool { return roleForm.MatchString(role) }

func roles(r *request) error {
	for _, role := range []string{r.TaskRoleArn, r.ExecutionRoleArn} {
		if role != "" && !ValidRole(role) {
			return invalid("Role is not valid")
		}
	}
	return nil
}

func requires(r *request, c api.Compatibility) bool {
	return slices.Contains(r.RequiresCompatibilities, c)
}

func isSet(b *bool) bool { return b != nil && *b }

func valueOf(n *int32) int32 {
	if n == nil {
		return 0
	}
	return *n
}
