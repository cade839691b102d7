package logs

import (
	"context"
	"strings"

	api "github.com/berth-dev/berth/api/logs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// groupARN is the ARN of a log group, as tags and logGroupArn have it; the arn of a description ends in ":*" besides.
func groupARN(scope store.Scope, name string) string {
	return "arn:aws:logs:" + scope.Region + ":" + scope.Account + ":log-group:" + name
}

func streamARN(scope store.Scope, group, stream string) string {
	return groupARN(scope, group) + ":log-stream:" + stream
}

// groupName reads a log group's name or ARN, which must be of the caller's account and region.
func groupName(ctx context.Context, identifier string) (string, error) {
	if !strings.HasPrefix(identifier, "arn:") {
		return identifier, nil
	}
	name, ok := strings.CutPrefix(identifier, groupARN(scopeOf(ctx), ""))
	if !ok {
		return "", errNoGroup
	}
	name = strings.TrimSuffix(name, ":*")
	if name == "" || strings.Contains(name, ":") {
		return "", wire.Errorf(api.InvalidParameterException, "%q is not the ARN of a log group", identifier)
	}
	return name, nil
}

// eitherName returns the name of the group that a request names by logGroupName or logGroupIdentifier.
func eitherName(ctx context.Context, name, identifier string) (string, error) {
	switch {
	case name == "" && identifier == "":
		return "", wire.Errorf(api.InvalidParameterException, "Exactly one of logGroupName or logGroupIdentifier must be specified.")
	case name != "" && identifier != "":
		return "", wire.Errorf(api.InvalidParameterException, "LogGroup name and LogGroup ARN are mutually exclusive parameters.")
	case name != "":
		return name, nil
	}
	return groupName(ctx, identifier)
}
