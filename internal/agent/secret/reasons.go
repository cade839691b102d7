package secret

import (
	"errors"
	"fmt"

	"github.com/berth-dev/berth/internal/wire/client"
)

// The reasons for which a task stops when its secrets can't be had. Those of Fargate count the attempts.

const fargatePrefix = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "

func (a *attempt) fargate() bool { return a.of.LaunchType == "FARGATE" }

// ofParameters is an error of Parameter Store as a reason.
func (a *attempt) ofParameters(err error) error {
	switch {
	case a.fargate():
		return fmt.Errorf(fargatePrefix+"unable to retrieve secrets from ssm: service call has been retried %d time(s): %s", a.tries, words(err))
	case errors.Is(err, errNoRole):
		return fmt.Errorf("ssm secret resource: %w", err)
	}
	return fmt.Errorf("Fetching secret data from SSM Parameter Store in %s: %s", a.region, words(err))
}

// ofSecret is an error of Secrets Manager as a reason.
func (a *attempt) ofSecret(id string, err error) error {
	switch {
	case a.fargate():
		return a.ofFargateSecret(id, err)
	case errors.Is(err, errNoRole):
		return fmt.Errorf("asm secret resource: %w", err)
	}
	return fmt.Errorf("Fetching secret data from AWS Secrets Manager in region %s: secret %s: %s", a.region, id, words(err))
}

// ofLogin is why a registry's login can't be had.
func (a *attempt) ofLogin(id string, err error) error {
	switch {
	case a.fargate():
		return a.ofFargateSecret(id, err)
	case errors.Is(err, errNoRole):
		return fmt.Errorf("asm auth resource: %w", err)
	}
	return fmt.Errorf("asm fetching secret from the service for %s: %s", id, words(err))
}

func (a *attempt) ofFargateSecret(id string, err error) error {
	return fmt.Errorf(fargatePrefix+"unable to retrieve secret from asm: service call has been retried %d time(s): failed to fetch secret %s from secrets manager: %s",
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
