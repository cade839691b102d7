package definition

import (
	"regexp"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
)

// Options of the log driver awslogs.
const (
	optionGroup        = "awslogs-group"
	optionRegion       = "awslogs-region"
	optionStreamPrefix = "awslogs-stream-prefix"
	optionCreateGroup  = "awslogs-create-group"
	optionDatetime     = "awslogs-datetime-format"
	optionMultiline    = "awslogs-multiline-pattern"
	optionMode         = "mode"
	optionBuffer       = "max-buffer-size"
)

var awslogsOptions = []string{optionGroup, optionRegion, optionStreamPrefix, optionCreateGroup, optionDatetime, optionMultiline, optionMode, optionBuffer}

// neededOptions are those without which a driver cannot log, in the order in which ECS names them.
var neededOptions = map[api.LogDriver][]string{
	api.LogDriverAwslogs: {optionRegion, optionGroup},
	api.LogDriverSplunk:  {"splunk-url", "splunk-token"},
}

var bufferForm = regexp.MustCompile(`^(?i)\d{1,9}[bkmg]?$`)

func logs(_ *request, c *container) error {
	l := c.LogConfiguration
	if l == nil {
		return nil
	}
	var missing []string
	for _, name := range neededOptions[l.LogDriver] {
		secret := slices.ContainsFunc(l.SecretOptions, func(s api.Secret) bool { return s.Name == name })
		if l.Options[name] == "" && !secret {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return invalid("Log driver %s requires options: %s", l.LogDriver, strings.Join(missing, ", "))
	}
	if l.LogDriver == api.LogDriverAwslogs {
		return awslogs(c.Name, l.Options)
	}
	return delivery(c.Name, l.Options)
}

func awslogs(container string, options map[string]string) error {
	var unknown []string
	for name := range options {
		if !slices.Contains(awslogsOptions, name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	switch {
	case len(unknown) > 0:
		return invalid("Log driver awslogs disallows options: %s", strings.Join(unknown, ", "))
	case options[optionDatetime] != "" && options[optionMultiline] != "":
		return invalid("Log driver awslogs does not support '%s' together with '%s'.", optionDatetime, optionMultiline)
	}
	if v := options[optionCreateGroup]; v != "" && v != "true" && v != "false" {
		return invalid("Invalid log option '%s' for container '%s': it is true or false, not '%s'.", optionCreateGroup, container, v)
	}
	return delivery(container, options)
}

// delivery checks the options that every driver has: what becomes of lines that it does not take at once.
func delivery(container string, options map[string]string) error {
	mode, buffer := options[optionMode], options[optionBuffer]
	switch {
	case mode != "" && mode != "blocking" && mode != "non-blocking":
		return invalid("Invalid log option '%s' for container '%s': it is blocking or non-blocking, not '%s'.", optionMode, container, mode)
	case buffer != "" && !bufferForm.MatchString(buffer):
		return invalid("Invalid log option '%s' for container '%s': '%s' is no size such as 25m.", optionBuffer, container, buffer)
	case buffer != "" && mode == "blocking":
		return invalid("Invalid log option '%s' for container '%s': it is only supported with '%s=non-blocking'.", optionBuffer, container, optionMode)
	}
	return nil
}

// Options of a FireLens router.
const (
	optionConfigType  = "config-file-type"
	optionConfigValue = "config-file-value"
	optionMetadata    = "enable-ecs-log-metadata"
)

func firelens(_ *request, c *container) error {
	f := c.FirelensConfiguration
	if f == nil {
		return nil
	}
	for name := range f.Options {
		if name != optionConfigType && name != optionConfigValue && name != optionMetadata {
			return invalid("FirelensConfiguration disallows option: %s", name)
		}
	}
	kind, file := f.Options[optionConfigType], f.Options[optionConfigValue]
	switch {
	case kind != "" && kind != "s3" && kind != "file":
		return invalid("Invalid FirelensConfiguration option '%s': it is s3 or file, not '%s'.", optionConfigType, kind)
	case (kind == "") != (file == ""):
		return invalid("FirelensConfiguration options '%s' and '%s' must be specified together.", optionConfigType, optionConfigValue)
	case kind == "s3" && !objectARN.MatchString(file):
		return invalid("Invalid arn syntax.")
	}
	return nil
}

// routers checks that there is one FireLens router where containers log to it, and never two.
func routers(r *request) error {
	routers, routed := 0, false
	for i := range r.ContainerDefinitions {
		c := &r.ContainerDefinitions[i]
		if c.FirelensConfiguration != nil {
			routers++
		}
		routed = routed || c.LogConfiguration != nil && c.LogConfiguration.LogDriver == api.LogDriverAwsfirelens
	}
	switch {
	case routers > 1:
		return invalid("A task definition can have only one container with a firelens configuration object.")
	case routed && routers == 0:
		return invalid("When awsfirelens log driver is specified in log configuration, a firelens configuration object must be configured in one of the containers.")
	}
	return nil
}
