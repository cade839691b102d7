package service

import (
	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire"
)

// The errors of ECS about services. Codes and texts are those of the API: clients match them.

func invalidParameter(format string, args ...any) error {
	return wire.Errorf(api.InvalidParameterException, format, args...)
}

func serviceNotFound() error {
	return wire.Errorf(api.ServiceNotFoundException, "Service not found.")
}

func serviceNotActive() error {
	return wire.Errorf(api.ServiceNotActiveException, "Service was not ACTIVE.")
}

func notIdempotent(what string) error {
	return invalidParameter("Creation of %s was not idempotent.", what)
}

func unsupported(format string, args ...any) error {
	return wire.Errorf(api.UnsupportedFeatureException, format, args...)
}

// missing is how the Describe operations answer for what is not there.
func missing(arn string) api.Failure { return api.Failure{Arn: arn, Reason: "MISSING"} }

// present makes an absent list an empty one.
func present[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
