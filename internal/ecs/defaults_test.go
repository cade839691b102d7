package ecs

import "testing"

// SDKs and tools send what they take for AWS's defaults: asking for nothing must not be refused.
func TestAWSDefaultsAreTaken(t *testing.T) {
	w := newWorld(t, Config{})
	_, call := w.wire()
	w.cluster("default")
	w.fargate(2048, 4096)
	i := w.instance(2048, 4096)
	for _, c := range []struct{ operation, body string }{
		{"CreateCluster", `{"clusterName": "default", "tags": [], "settings": [{"name": "containerInsights", "value": "disabled"}], "capacityProviders": [], "defaultCapacityProviderStrategy": [],
			"configuration": {"executeCommandConfiguration": {}}, "serviceConnectDefaults": null}`},
		{"DescribeClusters", `{"clusters": [], "include": []}`},
		{"ListClusters", `{"maxResults": 100, "nextToken": null}`},
		{"RegisterTaskDefinition", `{"family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["EC2", "FARGATE"], "cpu": "256", "memory": "512",
			"volumes": [], "placementConstraints": [], "enableFaultInjection": false, "pidMode": null, "ipcMode": null,
			"containerDefinitions": [{"name": "web", "image": "i", "cpu": 0, "essential": true, "linuxParameters": {"sharedMemorySize": 0}}]}`},
		{"RunTask", `{"taskDefinition": "web", "cluster": "default", "count": 1, "launchType": "FARGATE", "platformVersion": "LATEST", "enableExecuteCommand": false, "enableECSManagedTags": false,
			"propagateTags": "NONE", "tags": [], "capacityProviderStrategy": [], "placementConstraints": [], "placementStrategy": [], "volumeConfigurations": [],
			"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": [], "assignPublicIp": "DISABLED"}},
			"overrides": {"containerOverrides": [{"name": "web", "command": [], "environment": [], "environmentFiles": [], "resourceRequirements": []}], "inferenceAcceleratorOverrides": []}}`},
		{"RunTask", `{"taskDefinition": "web:1", "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "DISABLED"}}, "overrides": {}}`},
		{"ListTasks", `{"cluster": "default", "desiredStatus": "RUNNING", "maxResults": 100}`},
		{"DescribeTaskDefinition", `{"taskDefinition": "web", "include": []}`},
		{"ListTaskDefinitions", `{"status": "ACTIVE", "sort": "ASC"}`},
		{"ListTaskDefinitionFamilies", `{"status": "ALL"}`},
		{"ListContainerInstances", `{"filter": "", "status": "ACTIVE"}`},
		{"DescribeContainerInstances", `{"containerInstances": ["` + i.ID + `"], "include": []}`},
	} {
		if status, answer := call(c.operation, c.body); status != 200 {
			t.Errorf("%s %s\n     answers %d %s", c.operation, c.body, status, answer)
		}
	}
}
