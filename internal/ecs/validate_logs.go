package ecs

import (
	"regexp"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
)

// Options of the log driver awslogs, as docs/compatibility.md shows them.
const (
	optionGroup        = "awslogs-group"
	optionRegion       = "awslogs-region"
	optionStreamPrefix = "awslogs-stream-prefix"
	optionCreateGroup  = "awslogs-create-group"
	optionMode         = "mode"
	optionBuffer       = "max-buffer-size"
)

var awslogsOptions = []string{optionGroup, optionRegion, optionStreamPrefix, optionCreateGroup, optionMode, optionBuffer}

var bufferForm = regexp.MustCompile(`^(?i)\d{1,9}[bkmg]?$`)

func validateLogs(c *api.ContainerDefinition, fargate bool) error {
	l := c.LogConfiguration
	if l == nil {
		return nil
	}
	needed := []string{optionRegion, optionGroup}
	if fargate {
		needed = append(needed, optionStreamPrefix)
	}
	missing := slices.DeleteFunc(needed, func(name string) bool { return l.Options[name] != "" })
	if len(missing) > 0 {
		return clientException("Log driver awslogs requires options: %s", strings.Join(missing, ", "))
	}
	var unknown []string
	for name := range l.Options {
		if !slices.Contains(awslogsOptions, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return clientException("Log driver awslogs disallows options: %s. Berth acts on %s.",
			strings.Join(unknown, ", "), strings.Join(awslogsOptions, ", "))
	}
	if m := l.Options[optionMode]; m != "" && m != "blocking" && m != "non-blocking" {
		return clientException("Invalid log option '%s' for container '%s': it is blocking or non-blocking, not '%s'.", optionMode, c.Name, m)
	}
	if b := l.Options[optionBuffer]; b != "" && !bufferForm.MatchString(b) {
		return clientException("Invalid log option '%s' for container '%s': '%s' is no size such as 25m.", optionBuffer, c.Name, b)
	}
	if l.Options[optionMode] == "blocking" && l.Options[optionBuffer] != "" {
		return clientException("Invalid log option '%s' for container '%s': it is only supported with '%s=non-blocking'.", optionBuffer, c.Name, optionMode)
	}
	if v := l.Options[optionCreateGroup]; v != "" && v != "true" && v != "false" {
		return clientException("Invalid log option '%s' for container '%s': it is true or false, not '%s'.", optionCreateGroup, c.Name, v)
	}
	return nil
}
