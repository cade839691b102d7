package service

import (
	"fmt"
	"strings"
	"testing"
)

const onFargate = `"launchType": "FARGATE", "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}`

func TestWhatIsWrongWithAServiceIsToldInECSsWords(t *testing.T) {
	w := newWorld(t)
	w.definitions()
	w.did("RegisterTaskDefinition", `{"family": "old", "containerDefinitions": [{"name": "web", "image": "web:1", "memory": 64}]}`)
	w.did("DeregisterTaskDefinition", `{"taskDefinition": "old:1"}`)
	w.did("CreateService", `{"serviceName": "there", "taskDefinition": "bridged", "desiredCount": 1}`)
	w.did("CreateService", `{"serviceName": "daemon", "taskDefinition": "bridged", "schedulingStrategy": "DAEMON"}`)
	w.did("CreateService", `{"serviceName": "sets", "deploymentController": {"type": "EXTERNAL"}}`)
	w.did("CreateService", `{"serviceName": "gone", "taskDefinition": "bridged", "desiredCount": 0}`)
	w.did("DeleteService", `{"service": "gone"}`)
	w.did("CreateService", `{"serviceName": "balanced", "desiredCount": 0, "taskDefinition": "web", `+onFargate+`,
		"loadBalancers": [{"targetGroupArn": "`+groupOfAddresses+`", "containerName": "web", "containerPort": 80}]}`)
	bridged := func(more string) string {
		return `{"serviceName": "new", "taskDefinition": "bridged", "desiredCount": 1, ` + more + `}`
	}
	balanced := func(definition, group, container string, port int) string {
		return fmt.Sprintf(`{"serviceName": "new", "desiredCount": 1, "taskDefinition": %q, "loadBalancers": [{"targetGroupArn": %q, "containerName": %q, "containerPort": %d}]`,
			definition, group, container, port)
	}
	for _, c := range []struct{ operation, body, code, message string }{
		{"CreateService", `{"serviceName": "new", "cluster": "nowhere", "taskDefinition": "web"}`, "ClusterNotFoundException", "Cluster not found."},
		{"CreateService", `{"serviceName": "a b", "taskDefinition": "web"}`, "InvalidParameterException", "Service name must match"},
		{"CreateService", `{"taskDefinition": "web"}`, "InvalidParameterException", "ServiceName can not be blank."},
		{"CreateService", `{"serviceName": "new", "desiredCount": 1}`, "ClientException", "TaskDefinition can not be blank."},
		{"CreateService", `{"serviceName": "new", "desiredCount": 1, "taskDefinition": "none"}`, "ClientException", "TaskDefinition not found."},
		{"CreateService", `{"serviceName": "new", "desiredCount": 1, "taskDefinition": "old:1"}`, "InvalidParameterException", "TaskDefinition is inactive"},
		{"CreateService", `{"serviceName": "new", "taskDefinition": "bridged"}`, "InvalidParameterException", "requires a desired count"},
		{"CreateService", `{"serviceName": "new", "taskDefinition": "bridged", "desiredCount": -1}`, "InvalidParameterException", "desiredCount must be between 0 and 5000"},
		{"CreateService", `{"serviceName": "there", "taskDefinition": "bridged", "desiredCount": 2}`, "InvalidParameterException", "Creation of service was not idempotent."},
		{"CreateService", `{"serviceName": "gone", "taskDefinition": "bridged", "desiredCount": 0}`, "InvalidParameterException", "Unable to Start a service that is still Draining."},
		{"CreateService", `{"serviceName": "new", "desiredCount": 1, "taskDefinition": "bridged", "launchType": "FARGATE"}`, "InvalidParameterException", "Task definition does not support launch_type FARGATE."},
		{"CreateService", `{"serviceName": "new", "desiredCount": 1, "taskDefinition": "web", "launchType": "FARGATE"}`, "InvalidParameterException", "Network Configuration must be provided when networkMode 'awsvpc' is specified."},
		{"CreateService", bridged(`"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}`), "InvalidParameterException", "Network Configuration is not valid for the given networkMode of this task definition."},
		{"CreateService", `{"serviceName": "new", "desiredCount": 1, "taskDefinition": "web", "launchType": "FARGATE", "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-9"]}}}`, "InvalidParameterException", "The subnet ID 'subnet-9' does not exist"},
		{"CreateService", `{"serviceName": "new", "desiredCount": 1, "taskDefinition": "web", "platformVersion": "9", ` + onFargate + `}`, "PlatformUnknownException", ""},
		{"CreateService", bridged(`"launchType": "EC2", "capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]`), "InvalidParameterException", "Specifying both a launch type and capacity provider strategy is not supported."},
		{"CreateService", bridged(`"capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}]`), "InvalidParameterException", "is not associated with the cluster"},
		{"CreateService", bridged(`"deploymentConfiguration": {"minimumHealthyPercent": 100, "maximumPercent": 100}`), "InvalidParameterException", "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments."},
		{"CreateService", bridged(`"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true, "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 101}}}`), "InvalidParameterException", "at most 100 percent"},
		{"CreateService", bridged(`"placementStrategy": [{"type": "binpack", "field": "disk"}]`), "InvalidParameterException", "is not valid for type binpack"},
		{"CreateService", bridged(`"placementConstraints": [{"type": "memberOf", "expression": "attribute:"}]`), "InvalidParameterException", "Invalid memberOf expression"},
		{"CreateService", bridged(`"availabilityZoneRebalancing": "ENABLED", "placementStrategy": [{"type": "binpack", "field": "cpu"}]`), "InvalidParameterException", "Availability Zone rebalancing is not supported"},
		{"CreateService", bridged(`"clientToken": "` + strings.Repeat("x", 37) + `"`), "InvalidParameterException", "clientToken longer than 36."},
		{"CreateService", bridged(`"role": "ecsServiceRole"`), "InvalidParameterException", "IAM roles are only valid for services configured to use load balancers."},
		{"CreateService", bridged(`"tags": [{"key": "aws:x", "value": "y"}]`), "InvalidParameterException", "Tag key must not start with aws:"},
		{"CreateService", `{"serviceName": "new", "taskDefinition": "bridged", "schedulingStrategy": "DAEMON", "desiredCount": 1}`, "InvalidParameterException", "The daemon scheduling strategy does not support a desired count for services."},
		{"CreateService", `{"serviceName": "new", "taskDefinition": "bridged", "schedulingStrategy": "DAEMON", "deploymentConfiguration": {"maximumPercent": 200}}`, "InvalidParameterException", "Change the value of maximumPercent to 100, and try again."},
		{"CreateService", `{"serviceName": "new", "taskDefinition": "web", "schedulingStrategy": "DAEMON", ` + onFargate + `}`, "InvalidParameterException", "does not support the FARGATE launch type"},
		{"CreateService", `{"serviceName": "new", "taskDefinition": "bridged", "schedulingStrategy": "DAEMON", "placementStrategy": [{"type": "random"}]}`, "InvalidParameterException", "does not support placement strategies"},
		{"CreateService", `{"serviceName": "new", "taskDefinition": "bridged", "deploymentController": {"type": "EXTERNAL"}}`, "InvalidParameterException", "A task definition cannot be specified for a service with an EXTERNAL deployment controller"},
		{"CreateService", `{"serviceName": "new", "deploymentController": {"type": "EXTERNAL"}, "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true}}}`, "InvalidParameterException", "The deployment circuit breaker is not supported with the EXTERNAL deployment controller."},
		{"CreateService", `{"serviceName": "new", "deploymentController": {"type": "EXTERNAL"}, "deploymentConfiguration": {"strategy": "BLUE_GREEN"}}`, "InvalidParameterException", "The deployment strategy BLUE_GREEN is not supported with the EXTERNAL deployment controller."},
		{"CreateService", `{"serviceName": "new", "deploymentController": {"type": "EXTERNAL"}, "deploymentConfiguration": {"earlySuccessCriteria": {"enable": true}}}`, "InvalidParameterException", "earlySuccessCriteria are not supported with the EXTERNAL deployment controller."},
		{"CreateService", `{"serviceName": "new", "deploymentController": {"type": "EXTERNAL"}, "availabilityZoneRebalancing": "ENABLED"}`, "InvalidParameterException", "Availability Zone rebalancing is not supported for services with the EXTERNAL deployment controller."},
		{"UpdateService", `{"service": "sets", "availabilityZoneRebalancing": "ENABLED"}`, "InvalidParameterException", "Availability Zone rebalancing is not supported for services with the EXTERNAL deployment controller."},
		{"UpdateService", `{"service": "sets", "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": false}}}`, "InvalidParameterException", "The deployment circuit breaker is not supported with the EXTERNAL deployment controller."},

		{"CreateService", balanced("bridged", groupOfInstances, "db", 80) + `}`, "InvalidParameterException", "The container db does not exist in the task definition."},
		{"CreateService", balanced("bridged", groupOfInstances, "web", 81) + `}`, "InvalidParameterException", "The container web did not have a container port 81 defined."},
		{"CreateService", balanced("bridged", groupOfAddresses, "web", 80) + `}`, "InvalidParameterException", "has target type ip, which is incompatible with the bridge network mode specified in the task definition."},
		{"CreateService", balanced("web", groupOfInstances, "web", 80) + `, ` + onFargate + `}`, "InvalidParameterException", "has target type instance, which is incompatible with the awsvpc network mode specified in the task definition."},
		{"CreateService", balanced("web", groupAlone, "web", 80) + `, ` + onFargate + `}`, "InvalidParameterException", "The target group with targetGroupArn " + groupAlone + " does not have an associated load balancer."},
		{"CreateService", balanced("web", groupOfAddresses+"0", "web", 80) + `, ` + onFargate + `}`, "InvalidParameterException", "does not exist."},
		{"CreateService", balanced("web", groupOfAddresses, "web", 80) + `, "role": "r", ` + onFargate + `}`, "InvalidParameterException", "You cannot specify an IAM role for services that require a service linked role."},

		{"CreateService", strings.TrimSuffix(balanced("web", groupOfAddresses, "web", 80), "}]") + `, "advancedConfiguration": {"alternateTargetGroupArn": "` + groupOfAddresses + `", "productionListenerRule": "` + theRule + `", "roleArn": "arn:aws:iam::000000000000:role/r"}}], "deploymentConfiguration": {"strategy": "BLUE_GREEN"}, ` + onFargate + `}`, "InvalidParameterException", "alternateTargetGroupArn must name another target group"},

		{"UpdateService", `{"service": "none"}`, "ServiceNotFoundException", "Service not found."},
		{"UpdateService", `{"service": "gone", "desiredCount": 1}`, "ServiceNotActiveException", "Service was not ACTIVE."},
		{"UpdateService", `{"service": "arn:aws:ecs:us-east-1:000000000000:service/other/there"}`, "InvalidParameterException", "Identifier is for cluster other. Your cluster is default"},
		{"UpdateService", `{"service": "there", "taskDefinition": "none"}`, "ClientException", "TaskDefinition not found."},
		{"UpdateService", `{"service": "there", "deploymentController": {"type": "EXTERNAL"}}`, "UnsupportedFeatureException", "can't be changed"},
		{"UpdateService", `{"service": "there", "deploymentConfiguration": {"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 500}}}`, "InvalidParameterException", "canaryPercent must be between 0.1 and 100.0"},
		{"UpdateService", `{"service": "there", "deploymentConfiguration": {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1441}}`, "InvalidParameterException", "bakeTimeInMinutes must be between 0 and 1440"},
		{"UpdateService", `{"service": "there", "deploymentConfiguration": {"bakeTimeInMinutes": 5}}`, "InvalidParameterException", "bakeTimeInMinutes is not supported by Berth for the deployment strategy ROLLING"},
		{"UpdateService", `{"service": "there", "deploymentConfiguration": {"strategy": "BLUE_GREEN", "lifecycleHooks": [{"hookTargetArn": "arn:aws:lambda:us-east-1:000000000000:function:f", "roleArn": "arn:aws:iam::000000000000:role/r", "lifecycleStages": ["PRE_SCALE_UP"]}]}}`, "InvalidParameterException", "can't be called"},
		{"UpdateService", `{"service": "balanced", "deploymentConfiguration": {"strategy": "BLUE_GREEN"}}`, "InvalidParameterException", "The deployment strategy BLUE_GREEN needs an advancedConfiguration"},
		{"UpdateService", `{"service": "daemon", "desiredCount": 1}`, "InvalidParameterException", "The daemon scheduling strategy does not support a desired count for services."},
		{"UpdateService", `{"service": "sets", "taskDefinition": "web"}`, "InvalidParameterException", "Unable to update task definition on services with an EXTERNAL deployment controller."},
		{"UpdateService", `{"service": "sets", "forceNewDeployment": true}`, "InvalidParameterException", "Cannot force a new deployment on services with an EXTERNAL deployment controller."},
		{"DeleteService", `{"service": "none"}`, "ServiceNotFoundException", "Service not found."},
		{"DeleteService", `{"service": "there"}`, "InvalidParameterException", "The service cannot be stopped while it is scaled above 0."},
		{"DescribeServices", `{"services": []}`, "InvalidParameterException", "Services cannot be empty."},
		{"DescribeServices", `{"services": ["1","2","3","4","5","6","7","8","9","10","11"]}`, "InvalidParameterException", "Services cannot have more than 10 items."},
		{"DescribeServices", `{"services": ["there"], "cluster": "nowhere"}`, "ClusterNotFoundException", "Cluster not found."},
		{"ListServices", `{"maxResults": 101}`, "InvalidParameterException", "maxResults must be between 1 and 100"},
		{"ListServices", `{"nextToken": "x"}`, "InvalidParameterException", "Invalid token."},
		{"ListServicesByNamespace", `{"namespace": "local"}`, "NamespaceNotFoundException", ""},
		{"ListServiceDeployments", `{"service": "none"}`, "ServiceNotFoundException", "Service not found."},
		{"DescribeServiceDeployments", `{"serviceDeploymentArns": ["x"]}`, "InvalidParameterException", "Invalid arn syntax."},
		{"DescribeServiceRevisions", `{"serviceRevisionArns": []}`, "InvalidParameterException", "can not be empty."},
		{"StopServiceDeployment", `{"serviceDeploymentArn": "arn:aws:ecs:us-east-1:000000000000:service-deployment/default/there/x"}`, "ServiceDeploymentNotFoundException", ""},
		{"ContinueServiceDeployment", `{"serviceDeploymentArn": "arn:aws:ecs:us-east-1:000000000000:service-deployment/default/there/x", "hookId": "h"}`, "ServiceDeploymentNotFoundException", ""},
		{"CreateTaskSet", `{"cluster": "default", "service": "there", "taskDefinition": "web"}`, "InvalidParameterException", "Task sets are only supported for services with the EXTERNAL deployment controller."},
		{"CreateTaskSet", `{"cluster": "default", "service": "sets", "taskDefinition": "bridged", "scale": {"value": 101, "unit": "PERCENT"}}`, "InvalidParameterException", "between 0 and 100 PERCENT"},
		{"DeleteTaskSet", `{"cluster": "default", "service": "sets", "taskSet": "ecs-svc/1"}`, "TaskSetNotFoundException", ""},
	} {
		code, message := w.failed(c.operation, c.body)
		if code != c.code || !strings.Contains(message, c.message) {
			t.Errorf("%s %s\n answers %s: %s\n not %s: %s", c.operation, c.body, code, message, c.code, c.message)
		}
	}
}

// What Berth does not do is refused by name, and what asks for nothing is not.
func TestWhatIsNotThereIsRefusedByName(t *testing.T) {
	w := newWorld(t)
	w.definitions()
	create := func(more string) string {
		return `{"serviceName": "web", "taskDefinition": "web", "desiredCount": 0, ` + onFargate + `, ` + more + `}`
	}
	for member, more := range map[string]string{
		"serviceRegistries":                   `"serviceRegistries": [{"registryArn": "arn:aws:servicediscovery:us-east-1:000000000000:service/srv-1"}]`,
		"serviceConnectConfiguration.enabled": `"serviceConnectConfiguration": {"enabled": true, "namespace": "local"}`,
		"volumeConfigurations":                `"volumeConfigurations": [{"name": "v", "managedEBSVolume": {"roleArn": "arn:aws:iam::000000000000:role/r", "sizeInGiB": 1}}]`,
		"vpcLatticeConfigurations":            `"vpcLatticeConfigurations": [{"roleArn": "arn:aws:iam::000000000000:role/r", "targetGroupArn": "arn", "portName": "p"}]`,
		"deploymentConfiguration.alarms":      `"deploymentConfiguration": {"alarms": {"alarmNames": ["a"], "enable": true, "rollback": true}}`,
		"deploymentController.type":           `"deploymentController": {"type": "CODE_DEPLOY"}`,
		"loadBalancers[0].loadBalancerName":   `"loadBalancers": [{"loadBalancerName": "classic", "containerName": "web", "containerPort": 80}]`,
	} {
		code, message := w.failed("CreateService", create(more))
		if code != "UnsupportedFeatureException" || !strings.Contains(message, member) {
			t.Errorf("%s: %s: %s", member, code, message)
		}
	}
	w.did("CreateService", create(`"serviceRegistries": [], "serviceConnectConfiguration": {"enabled": false}, "volumeConfigurations": [], "vpcLatticeConfigurations": [],
		"deploymentConfiguration": {"alarms": {"alarmNames": [], "enable": false, "rollback": false}, "strategy": "ROLLING", "bakeTimeInMinutes": 0}, "deploymentController": {"type": "ECS"},
		"loadBalancers": [], "capacityProviderStrategy": [], "placementConstraints": [], "placementStrategy": [], "platformVersion": "LATEST", "propagateTags": "NONE", "tags": []`))
}

func TestWithoutLoadBalancersTheyAreRefused(t *testing.T) {
	w := newWorldWith(t, nil)
	w.definitions()
	code, message := w.failed("CreateService", `{"serviceName": "web", "taskDefinition": "web", "desiredCount": 0, `+onFargate+`,
		"loadBalancers": [{"targetGroupArn": "`+groupOfAddresses+`", "containerName": "web", "containerPort": 80}]}`)
	if code != "UnsupportedFeatureException" || !strings.Contains(message, "loadBalancers") {
		t.Errorf("%s: %s", code, message)
	}
}
