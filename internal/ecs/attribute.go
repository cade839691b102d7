package ecs

import (
	"regexp"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire"
)

// maxAttributes is the most custom attributes of a container instance, and of one request.
const maxAttributes = 10

var (
	attributeName  = regexp.MustCompile(`^[a-zA-Z0-9\-_/\\.]{1,128}$`)
	attributeValue = regexp.MustCompile(`^[a-zA-Z0-9\-_.@/\\:]([a-zA-Z0-9\-_.@/\\: ]{0,126}[a-zA-Z0-9\-_.@/\\:])?$`)
)

// validateAttribute checks an attribute that somebody gives to an instance. What an agent registers is not checked so: it
// says what it can do.
func validateAttribute(a api.Attribute) error {
	switch {
	case !attributeName.MatchString(a.Name):
		return invalidParameter("Invalid attribute name: %s. A name has between 1 and 128 characters: letters, numbers, hyphens (-), underscores (_), forward slashes (/), back slashes (\\) and periods (.).", a.Name)
	case builtInAttribute(a.Name):
		return invalidParameter("The attribute %s is not a custom attribute: names that begin with ecs., com.amazonaws.ecs. and berth. are reserved.", a.Name)
	case a.Value != "" && !attributeValue.MatchString(a.Value):
		return invalidParameter("Invalid value of attribute %s: %s. A value has between 1 and 128 characters: letters, numbers, hyphens (-), underscores (_), periods (.), at signs (@), forward slashes (/), back slashes (\\), colons (:) and spaces, and neither begins nor ends with a space.", a.Name, a.Value)
	case a.Name == CapacityProviderAttribute && !providerName.MatchString(a.Value):
		return invalidParameter("The attribute %s has the name of a capacity provider as its value.", a.Name)
	}
	return nil
}

// builtInAttribute tells whether an attribute is the agent's or ECS's own, which nobody else may set or take away.
func builtInAttribute(name string) bool {
	return name != CapacityProviderAttribute && (strings.HasPrefix(name, "ecs.") || strings.HasPrefix(name, "com.amazonaws.ecs.") || strings.HasPrefix(name, "berth."))
}

// customAttributes counts those that are not built in.
func customAttributes(attributes []api.Attribute) (n int) {
	for _, a := range attributes {
		if !builtInAttribute(a.Name) {
			n++
		}
	}
	return n
}

// attribute is the value of one of the instance's attributes.
func (i *Instance) attribute(name string) (value string, ok bool) {
	at := slices.IndexFunc(i.Attributes, func(a api.Attribute) bool { return a.Name == name })
	if at < 0 {
		return "", false
	}
	return i.Attributes[at].Value, true
}

// CapacityProvider is the name of the capacity provider that the instance belongs to; empty: none.
func (i *Instance) CapacityProvider() string {
	name, _ := i.attribute(CapacityProviderAttribute)
	return name
}

// setAttribute gives the instance an attribute, in the place of one of that name.
func (i *Instance) setAttribute(a api.Attribute) error {
	i.dropAttribute(a.Name)
	if customAttributes(i.Attributes) >= maxAttributes {
		return wire.Errorf(api.AttributeLimitExceededException, "A container instance can have at most %d custom attributes.", maxAttributes)
	}
	i.Attributes = append(i.Attributes, api.Attribute{Name: a.Name, Value: a.Value})
	return nil
}

// dropAttribute takes an attribute away, and tells whether it was there.
func (i *Instance) dropAttribute(name string) bool {
	before := len(i.Attributes)
	i.Attributes = slices.DeleteFunc(slices.Clone(i.Attributes), func(a api.Attribute) bool { return a.Name == name })
	return len(i.Attributes) < before
}
