package definition

import (
	"regexp"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
)

const maxEnvironmentFiles = 10

var (
	objectARN = regexp.MustCompile(`^arn:aws[a-z-]*:s3:::[^/]+/.+$`)
	secretARN = regexp.MustCompile(`^arn:aws[a-z-]*:(secretsmanager|ssm):[a-z0-9-]+:\d{12}:.+$`)
)

// Environment checks the variables of a container, whether its definition or an override sets them. A variable without a
// name would be no variable at all.
func Environment(container string, variables []api.KeyValuePair) error {
	for _, v := range variables {
		if v.Name == "" || strings.ContainsAny(v.Name, "=\x00") || strings.Contains(v.Value, "\x00") {
			return invalid("Invalid 'environment' setting for container '%s': %q can't name a variable or have the value given.", container, v.Name)
		}
	}
	return nil
}

func environment(_ *request, c *container) error { return Environment(c.Name, c.Environment) }

func environmentFiles(_ *request, c *container) error {
	if len(c.EnvironmentFiles) > maxEnvironmentFiles {
		return invalid("The maximum number of environment files was exceeded. Specify ten or less and try again.")
	}
	for _, f := range c.EnvironmentFiles {
		switch {
		case !objectARN.MatchString(f.Value):
			return invalid("Invalid arn syntax.")
		case !strings.HasSuffix(f.Value, ".env"):
			return invalid("Environment files must have a .env file extension: '%s'.", f.Value)
		}
	}
	return nil
}

// ApartFromSecrets checks that the variables by which a run overrides a container's are called as none of its secrets.
func ApartFromSecrets(d *api.TaskDefinition, container string, variables []api.KeyValuePair) error {
	for _, c := range d.ContainerDefinitions {
		for _, s := range c.Secrets {
			if c.Name == container && slices.ContainsFunc(variables, func(v api.KeyValuePair) bool { return v.Name == s.Name }) {
				return sharedName(s.Name)
			}
		}
	}
	return nil
}

func sharedName(name string) error {
	return invalid("The secret name must be unique and not shared with any new or existing environment variables set on the container, such as '%s'.", name)
}

// secrets checks what is injected from Secrets Manager and Parameter Store, into the environment and the log driver.
func secrets(r *request, c *container) error {
	set := map[string]bool{}
	for _, v := range c.Environment {
		set[v.Name] = true
	}
	for _, s := range c.Secrets {
		if set[s.Name] {
			return sharedName(s.Name)
		}
		set[s.Name] = true
	}
	all := c.Secrets
	if c.LogConfiguration != nil {
		all = append(all[:len(all):len(all)], c.LogConfiguration.SecretOptions...)
	}
	for _, s := range all {
		switch {
		case r.ExecutionRoleArn == "":
			return invalid("When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.")
		case s.Name == "":
			return invalid("Secret.name should not be null or empty.")
		case s.ValueFrom == "":
			return invalid("Secret.valueFrom should not be null or empty.")
		case strings.HasPrefix(s.ValueFrom, "arn:") && !secretARN.MatchString(s.ValueFrom):
			return invalid("Invalid arn syntax.")
		}
	}
	return nil
}

// credentials checks the secret with which an image is pulled.
func credentials(r *request, c *container) error {
	switch {
	case c.RepositoryCredentials == nil:
		return nil
	case c.RepositoryCredentials.CredentialsParameter == "":
		return invalid("RepositoryCredentials.credentialsParameter should not be null or empty.")
	case r.ExecutionRoleArn == "":
		return invalid("When you are specifying repository credentials, you must also specify a value for 'executionRoleArn'.")
	}
	return nil
}

// credentialSpecs checks the file of an Active Directory account.
func credentialSpecs(_ *request, c *container) error {
	if len(c.CredentialSpecs) > 1 {
		return invalid("A container can have at most one credential spec.")
	}
	for _, s := range c.CredentialSpecs {
		if !strings.HasPrefix(s, "credentialspec:") && !strings.HasPrefix(s, "credentialspecdomainless:") {
			return invalid("Invalid 'credentialSpecs' setting for container '%s'. It begins with 'credentialspec:' or 'credentialspecdomainless:'.", c.Name)
		}
	}
	return nil
}

// fromSecretsManager tells where a secret comes from: what is no ARN is the name of a parameter of Parameter Store.
func fromSecretsManager(s api.Secret) bool { return strings.Contains(s.ValueFrom, ":secretsmanager:") }
