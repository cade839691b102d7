package task

import (
	"maps"
	"net"

	"github.com/berth-dev/berth/api/acs"
)

// MetadataAddress is where a task that has its own network finds its credentials and the API: an address on its own
// loopback interface.
const MetadataAddress = "169.254.170.2"

// environment is what a container finds in its environment: the definition's variables, and under them what ECS adds.
// endpoint is the address of the task's own listener, nil when it has none.
func environment(t *acs.Task, c *acs.Container, region string, endpoint net.Addr, metadataID string) map[string]string {
	env := map[string]string{
		"AWS_REGION":         region,
		"AWS_DEFAULT_REGION": region,
		"AWS_EXECUTION_ENV":  executionEnvironment(t.LaunchType),
	}
	if endpoint != nil {
		base := "http://" + endpoint.String()
		if host, port, err := net.SplitHostPort(endpoint.String()); err == nil && port == "80" {
			base = "http://" + host
		}
		env["AWS_ENDPOINT_URL"] = base
		env["ECS_CONTAINER_METADATA_URI_V4"] = base + "/v4/" + metadataID
		if r := t.RoleCredentials; r != nil && r.CredentialsId != "" {
			path := "/v2/credentials/" + r.CredentialsId
			if base == "http://"+MetadataAddress { // where every SDK looks for a relative URI
				env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = path
			} else {
				env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = base + path
			}
		}
	}
	maps.Copy(env, c.Environment)
	return env
}

func executionEnvironment(launchType string) string {
	switch launchType {
	case "FARGATE":
		return "AWS_ECS_FARGATE"
	case "EXTERNAL":
		return "AWS_ECS_EXTERNAL"
	default:
		return "AWS_ECS_EC2"
	}
}
