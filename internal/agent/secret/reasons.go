package secret

import (
	"errors"
	"fmt"

	"github.com/berth-dev/berth/internal/wire/client"
)

// reason is why a task stops whose secrets can't be had, as DescribeTasks shows it. Those of Fargate count the attempts.
type reason string

func (r reason) Error() string { return string(r) }

func reasonf(format string, args ...any) error { return reason(fmt.Sprintf(format, args...)) }

const fargatePrefix = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "

func (a *attempt) fargate() bool { return a.of.LaunchType == "FARGATE" }

// ofParameters is an error of Parameter Store as a reason.
func (a *attempt) ofParameters(err error) error {
	switch {
	case a.fargate():
		return reasonf(fargatePrefix+"unable to retrieve secrets from ssm: service call has been retried %d time(s): %s", a.tries, words(err))
	case errors.Is(err, errNoRole):
		return reasonf("ssm secret resource: %v", err)
	}
	return reasonf("Fetching secret data from SSM Parameter Store in %s: %s", a.region, words(err))
}

// ofSecret is an error of Secrets Manager as a reason.
func (a *attempt) ofSecret(id string, err error) error {
	switch {
	case a.fargate():
		return a.ofFargateSecret(id, err)
	case errors.Is(err, errNoRole):
		return reasonf("asm secret resource: %v", err)
	}
	return reasonf("Fetching secret data from AWS Secrets Manager in region %s: secret %s: %s", a.region, id, words(err))
}

// ofLogin is why a registry's login can't be had.
func (a *attempt) ofLogin(id string, err error) error {
	switch {
	case a.fargate():
		return a.ofFargateSecret(id, err)
	case errors.Is(err, errNoRole):
		return reasonf("asm auth resource: %v", err)
	}
	return reasonf("asm fetching secret from the service for %s: %s", id, words(err))
}

func (a *attempt) ofFargateSecret(id string, err error) error {
	return reasonf(fargatePrefix+"unable to retrieve secret from asm: service call has been retried %d time(s): failed to fetch secret %s from secrets manager: %s",
		a.tries, id, words(err))
}

// words is an answered error as AWS's clients print it, another as it is.
func words(err error) string {
	var answered *client.Error
	if errors.As(err, &answered) {
		return answered.Code + ": " + answered.Message
	}
	return err.Error()
}
