package task

import (
	"maps"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/network"
)

// metadataURL is where a task that has its own network finds its credentials and the API.
var metadataURL = "http://" + network.MetadataAddress.String()

// environment is what a container finds in its environment: the definition's variables, and under them what ECS adds.
// endpoint is the URL of the task's own listener, empty when it has none.
func environment(t *acs.Task, c *acs.Container, region, endpoint, metadataID string) map[string]string {
	env := map[string]string{
		"AWS_REGION":         region,
		"AWS_DEFAULT_REGION": region,
		"AWS_EXECUTION_ENV":  executionEnvironment(t.LaunchType),
	}
	if endpoint != "" {
		env["AWS_ENDPOINT_URL"] = endpoint
		env["ECS_CONTAINER_METADATA_URI"] = endpoint + "/v3/" + metadataID
		env["ECS_CONTAINER_METADATA_URI_V4"] = endpoint + "/v4/" + metadataID
		env["ECS_AGENT_URI"] = endpoint + "/api/" + metadataID
		if r := t.RoleCredentials; r != nil && r.CredentialsId != "" {
			path := "/v2/credentials/" + r.CredentialsId
			if endpoint == metadataURL { // where every SDK looks for a relative URI
				env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = path
			} else {
				env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = endpoint + path
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
