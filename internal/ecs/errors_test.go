package ecs

import (
	"strings"
	"testing"
)

const id32 = "0123456789abcdef0123456789abcdef"

// What a user of the first operations meets, in ECS's own words.
func TestErrorsInTheWordsOfECS(t *testing.T) {
	w := newWorld(t, Config{})
	_, call := w.wire()
	w.cluster("default")
	w.cluster("full")
	i := w.instance(4096, 8192)
	for _, definition := range []string{webDefinition, hostDefinition, hostDefinition,
		`{"family": "old", "networkMode": "host", "containerDefinitions": [{"name": "c", "image": "i", "memory": 64}]}`} {
		if status, answer := call("RegisterTaskDefinition", definition); status != 200 {
			t.Fatal(answer)
		}
	}
	call("DeregisterTaskDefinition", `{"taskDefinition": "old:1"}`)
	if status, answer := call("RunTask", `{"taskDefinition": "host"}`); status != 200 {
		t.Fatal(answer)
	}

	const arn = "arn:aws:ecs:us-east-1:000000000000:"
	for _, c := range []struct{ operation, body, code, message string }{
		// Clusters.
		{"DescribeTasks", `{"cluster": "none", "tasks": ["` + id32 + `"]}`, "ClusterNotFoundException", "Cluster not found."},
		{"ListTasks", `{"cluster": "none"}`, "ClusterNotFoundException", "Cluster not found."},
		{"RunTask", `{"cluster": "none", "taskDefinition": "web"}`, "ClusterNotFoundException", "Cluster not found."},
		{"RegisterContainerInstance", `{"cluster": "none"}`, "ClusterNotFoundException", "Cluster not found."},
		{"DeleteCluster", `{"cluster": "none"}`, "ClusterNotFoundException", "Cluster not found."},
		{"DeleteCluster", `{"cluster": "default"}`, "ClusterContainsContainerInstancesException", "The Cluster cannot be deleted while Container Instances are active or draining."},
		{"CreateCluster", `{"clusterName": "a b"}`, "InvalidParameterException", `Cluster must match ^[a-zA-Z0-9\-_]{1,255}$, but was a b`},
		{"CreateCluster", `{"settings": [{"name": "containerInsights", "value": "enabled"}]}`, "InvalidParameterException", "The parameter settings[0].value of CreateCluster is not supported by Berth yet: Container Insights is not there, for metrics are not kept; leave the setting containerInsights out, or set it to disabled (in Terraform: setting { name = \"containerInsights\", value = \"disabled\" }; in the CDK: containerInsightsV2: ContainerInsights.DISABLED). See docs/compatibility.md."},
		{"DescribeClusters", `{"clusters": ["arn:aws:ecs:eu-west-1:000000000000:cluster/default"]}`, "InvalidParameterException", "Invalid identifier: Unexpected region eu-west-1."},
		{"DescribeClusters", `{"clusters": ["arn:aws:ecs:us-east-1:999999999999:cluster/default"]}`, "InvalidParameterException", "Identifier is for 999999999999. Your accountId is 000000000000"},
		{"ListClusters", `{"nextToken": "x"}`, "InvalidParameterException", "Invalid token."},
		{"ListClusters", `{"maxResults": 101}`, "InvalidParameterException", "maxResults must be between 1 and 100, but was 101."},

		// Task definitions.
		{"DescribeTaskDefinition", `{"taskDefinition": "none"}`, "ClientException", "Unable to describe task definition."},
		{"DescribeTaskDefinition", `{"taskDefinition": "web:9"}`, "ClientException", "Unable to describe task definition."},
		{"DescribeTaskDefinition", `{"taskDefinition": "old"}`, "ClientException", "Unable to describe task definition."},
		{"DescribeTaskDefinition", `{"taskDefinition": "web:x"}`, "ClientException", "Invalid revision number. Number: x"},
		{"DeregisterTaskDefinition", `{"taskDefinition": "web"}`, "ClientException", "Invalid revision number. Number: null"},
		{"RunTask", `{"taskDefinition": "none"}`, "ClientException", "TaskDefinition not found."},
		{"RunTask", `{"taskDefinition": "old:1"}`, "InvalidParameterException", "TaskDefinition is inactive"},

		// RunTask.
		{"RunTask", `{"taskDefinition": "host", "launchType": "FARGATE"}`, "InvalidParameterException", "Task definition does not support launch_type FARGATE."},
		{"RunTask", `{"taskDefinition": "web", "launchType": "FARGATE"}`, "InvalidParameterException", "Network Configuration must be provided when networkMode 'awsvpc' is specified."},
		{"RunTask", `{"taskDefinition": "host", ` + awsvpc + `}`, "InvalidParameterException", "Network Configuration is not valid for the given networkMode of this task definition."},
		{"RunTask", `{"taskDefinition": "host", "cluster": "full"}`, "InvalidParameterException", "No Container Instances were found in your cluster."},
		{"RunTask", `{"taskDefinition": "host", "count": 11}`, "InvalidParameterException", "count must be between 1 and 10, but was 11."},
		{"RunTask", `{"taskDefinition": "host", "count": 0}`, "InvalidParameterException", "count must be between 1 and 10, but was 0."},
		{"RunTask", `{"taskDefinition": "host", "platformVersion": "1.4.0"}`, "InvalidParameterException", "The platform version must be null when specifying an EC2 launch type."},
		{"RunTask", `{"taskDefinition": "web", "launchType": "FARGATE", "platformVersion": "0.1", ` + awsvpc + `}`, "PlatformUnknownException", "The specified platform does not exist."},
		{"RunTask", `{"taskDefinition": "web", "launchType": "FARGATE", "overrides": {"containerOverrides": [{"name": "x"}]}, ` + awsvpc + `}`, "InvalidParameterException", "Override for container named x is not a container in the TaskDefinition."},
		{"RunTask", `{"taskDefinition": "web", "launchType": "FARGATE", "overrides": {"ephemeralStorage": {"sizeInGiB": 20}}, ` + awsvpc + `}`, "InvalidParameterException", "EphemeralStorage size should be at least 21."},
		{"RunTask", `{"taskDefinition": "host", "overrides": {"ephemeralStorage": {"sizeInGiB": 30}}}`, "InvalidParameterException", "Tasks using the EC2 launch type do not support EphemeralStorage."},
		{"RunTask", `{"taskDefinition": "web", "launchType": "FARGATE", "overrides": {"cpu": "300"}, ` + awsvpc + `}`, "InvalidParameterException", "No Fargate configuration exists for given values: 300 CPU, 512 memory."},
		{"RunTask", `{"taskDefinition": "host", "overrides": {"containerOverrides": [{"name": "app", "command": ["` + strings.Repeat("x", 8192) + `"]}]}}`, "InvalidParameterException", "Container Overrides length must be at most 8192"},
		{"RunTask", `{"taskDefinition": "web", "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "ENABLED"}}}`, "InvalidParameterException", "Assign public IP is not supported for this launch type."},
		{"RunTask", `{"taskDefinition": "web", "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-2"]}}}`, "InvalidParameterException", "Error retrieving subnet information for [subnet-2]: The subnet ID 'subnet-2' does not exist (ErrorCode: InvalidSubnetID.NotFound)"},
		{"RunTask", `{"taskDefinition": "web", "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-2"]}}}`, "InvalidParameterException", "Error retrieving security group information for [sg-2]: The security group 'sg-2' does not exist (ErrorCode: InvalidGroup.NotFound)"},
		{"RunTask", `{"taskDefinition": "host", "group": "service:web"}`, "InvalidParameterException", "Invalid namespace for group."},
		{"RunTask", `{"taskDefinition": "host", "startedBy": "` + strings.Repeat("x", 129) + `"}`, "InvalidParameterException", "startedBy longer than 128."},
		{"RunTask", `{"taskDefinition": "host", "propagateTags": "SERVICE"}`, "InvalidParameterException", "propagateTags SERVICE is not valid: the task belongs to no service."},
		{"RunTask", `{"taskDefinition": "host", "tags": [{"key": "aws:x", "value": "1"}]}`, "InvalidParameterException", "Tag key must not start with aws:"},
		{"RunTask", `{"taskDefinition": "host", "launchType": "EXTERNAL"}`, "InvalidParameterException", "No Container Instances were found in your cluster."},
		{"RunTask", `{"taskDefinition": "web", "launchType": "EXTERNAL", ` + awsvpc + `}`, "InvalidParameterException", "Task definition does not support launch_type EXTERNAL."},
		{"RunTask", `{"taskDefinition": "host", "launchType": "MANAGED_INSTANCES"}`, "UnsupportedFeatureException", "The parameter launchType of RunTask is not supported by Berth yet: managed instances are not there. See docs/compatibility.md."},

		// Tasks.
		{"StopTask", `{"task": "` + id32 + `"}`, "InvalidParameterException", "The referenced task was not found."},
		{"StopTask", `{"task": "short"}`, "InvalidParameterException", "taskId length should be one of [32,36]"},
		{"StopTask", `{"task": "` + arn + `cluster/default"}`, "InvalidParameterException", "Unsupported resource type: cluster"},
		{"DescribeTasks", `{"tasks": ["` + arn + `task/full/` + id32 + `"]}`, "InvalidParameterException", "Invalid identifier: Identifier is for cluster full. Your cluster is default"},
		{"DescribeTasks", `{"tasks": []}`, "InvalidParameterException", "Tasks cannot be empty."},
		{"DescribeTasks", `{"tasks": [` + strings.Repeat(`"x",`, 100) + `"x"]}`, "InvalidParameterException", "Tasks cannot have more than 100 items."},
		{"ListTasks", `{"serviceName": "web"}`, "ServiceNotFoundException", "Service not found."},
		{"ListTasks", `{"startedBy": "me", "family": "web"}`, "InvalidParameterException", "cannot specify startedBy with other arguments"},

		// Container instances.
		{"DeregisterContainerInstance", `{"containerInstance": "` + i.ID + `"}`, "InvalidParameterException", "Found running tasks on the instance."},
		{"DeregisterContainerInstance", `{"containerInstance": "` + id32 + `"}`, "InvalidParameterException", "The referenced container instance was not found."},
		{"RegisterContainerInstance", `{"attributes": [{"name": "berth.pool", "value": "lambda"}]}`, "InvalidParameterException", "Unknown pool: lambda. The pool is fargate."},
		{"RegisterContainerInstance", `{"totalResources": [{"name": "CPU", "type": "INTEGER", "integerValue": -1}]}`, "InvalidParameterException", "Invalid amount of resource CPU: -1"},
		{"ListContainerInstances", `{"filter": "agentConnected"}`, "InvalidParameterException", "Invalid filter expression: at character 15 there is the end where an operator should be."},

		// Tags.
		{"TagResource", `{"resourceArn": "` + arn + `task/default/` + id32 + `", "tags": []}`, "ResourceNotFoundException", "The specified resource was not found."},
		{"ListTagsForResource", `{"resourceArn": "` + arn + `cluster/none"}`, "ClusterNotFoundException", "Cluster not found."},
		{"UntagResource", `{"resourceArn": "` + arn + `service/default/web", "tagKeys": []}`, "ResourceNotFoundException", "The specified resource was not found."},
		{"TagResource", `{"resourceArn": "` + arn + `cluster/default", "tags": [{"key": "a", "value": ""}, {"key": "a", "value": ""}]}`, "InvalidParameterException", "Duplicate tag keys found: a"},
	} {
		status, answer := call(c.operation, c.body)
		if status != 400 {
			t.Errorf("%s %.200s: %d %s", c.operation, c.body, status, answer)
			continue
		}
		if code, message := failure(t, answer); code != c.code || message != c.message {
			t.Errorf("%s %.200s\n     answers %s: %s\n     want    %s: %s", c.operation, c.body, code, message, c.code, c.message)
		}
	}
}
