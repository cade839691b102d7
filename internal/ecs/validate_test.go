package ecs

import (
	"strings"
	"testing"
)

// definitionOf is a definition with the members given for the task and for its container.
func definitionOf(task, container string) string {
	sep := func(s string) string {
		if s == "" {
			return ""
		}
		return ", " + s
	}
	return `{"family": "f"` + sep(task) + `, "containerDefinitions": [{"name": "X", "image": "i"` + sep(container) + `}]}`
}

const (
	onHost    = `"networkMode": "host"`
	inVPC     = `"networkMode": "awsvpc"`
	onFargate = `"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"`
	small     = `"memory": 64`
)

func TestDefinitionsThatCannotBeRegistered(t *testing.T) {
	w := newWorld(t, Config{})
	_, call := w.wire()
	awslogs := func(options string) string {
		return small + `, "logConfiguration": {"logDriver": "awslogs", "options": {` + options + `}}`
	}
	group := `"awslogs-group": "g", "awslogs-region": "us-east-1"`
	for _, c := range []struct{ body, message string }{
		{`{"family": "f", "networkMode": "host", "containerDefinitions": []}`, "Container list cannot be empty."},
		{`{"family": "f", "networkMode": "host", "containerDefinitions": [{"image": "i", "memory": 64}]}`, "Container.name should not be null or empty."},
		{`{"family": "f", "networkMode": "host", "containerDefinitions": [{"name": "X", "memory": 64}]}`, "Container.image should not be null or empty."},
		{`{"family": "f", "networkMode": "host", "containerDefinitions": [{"name": "a b", "image": "i", "memory": 64}]}`, `Invalid container name: "a b". Up to 255 letters (uppercase and lowercase), numbers, hyphens, and underscores are allowed.`},
		{`{"family": "f", "networkMode": "host", "containerDefinitions": [{"name": "X", "image": "i", "memory": 64}, {"name": "X", "image": "i", "memory": 64}]}`, "Container names must be unique: there are several containers named 'X'."},
		{`{"family": "f", "networkMode": "host", "containerDefinitions": [` + strings.Repeat(`{"name": "X", "image": "i", "memory": 64},`, 10) + `{"name": "X", "image": "i"}]}`, "Too many container definitions: 11. A task definition has at most 10."},
		{`{"family": "a b", "networkMode": "host", "containerDefinitions": [{"name": "X", "image": "i", "memory": 64}]}`, `Invalid family: "a b". Up to 255 letters (uppercase and lowercase), numbers, hyphens, and underscores are allowed.`},
		{definitionOf("", small), "Without networkMode a task runs in network mode bridge, which is not supported by Berth yet. Set networkMode to awsvpc, host or none."},
		{definitionOf(onHost, ""), "Invalid setting for container 'X'. At least one of 'memory' or 'memoryReservation' must be specified."},
		{definitionOf(onHost, `"memory": 5`), "Invalid 'memory' setting for container 'X': it must be at least 6 MiB."},
		{definitionOf(onHost, `"memory": 64, "memoryReservation": 65`), "Invalid setting for container 'X'. The 'memory' must be greater than or equal to the 'memoryReservation'."},
		{definitionOf(onHost+`, "memory": "32"`, small), "The 'memory' setting for container is greater than for the task."},
		{definitionOf(onHost+`, "cpu": "128"`, small+`, "cpu": 129`), "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'."},
		{definitionOf(onHost+`, "cpu": "much"`, small), "Invalid 'cpu' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."},
		{definitionOf(onHost+`, "cpu": "127"`, small), "Invalid 'cpu' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."},
		{definitionOf(onHost+`, "memory": "1 TB"`, small), "Invalid 'memory' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."},
		{definitionOf(onHost, small+`, "cpu": -1`), "Invalid 'cpu' setting for container 'X'."},
		{definitionOf(onHost, small+`, "essential": false`), "A task definition must have at least one essential container."},
		{definitionOf(onHost, small+`, "portMappings": [{"containerPort": 80, "hostPort": 81}]`), "When networkMode=host, the host ports and container ports in port mappings must match."},
		{definitionOf(inVPC, small+`, "portMappings": [{"containerPort": 80, "hostPort": 81}]`), "When networkMode=awsvpc, the host ports and container ports in port mappings must match."},
		{definitionOf(inVPC, small+`, "portMappings": [{"containerPort": 65536}]`), "Invalid 'containerPort' setting for container 'X'."},
		{definitionOf(inVPC, small+`, "portMappings": [{"containerPort": 0}]`), "Invalid 'containerPort' setting for container 'X'."},
		{definitionOf(`"networkMode": "none"`, small+`, "portMappings": [{"containerPort": 80}]`), "When networkMode=none, port mappings are not supported: container 'X' has some."},
		{definitionOf(inVPC, small+`, "hostname": "h"`), "Invalid 'hostname' setting for container 'X': it is not supported with networkMode=awsvpc."},
		{definitionOf(onHost, small+`, "systemControls": [{"namespace": "net.core.somaxconn", "value": "1"}]`), "When networkMode=host, the system control 'net.core.somaxconn' of container 'X' would change the host."},
		{definitionOf(onHost, small+`, "ulimits": [{"name": "nofile", "softLimit": 2, "hardLimit": 1}]`), "Invalid ulimit 'nofile' in container 'X': the soft limit is above the hard limit."},
		{definitionOf(onHost+`, "taskRoleArn": "arn:aws:iam::1:role/x"`, small), "Role is not valid"},
		{definitionOf(onHost, awslogs("")), "Log driver awslogs requires options: awslogs-region, awslogs-group"},
		{definitionOf(onHost, awslogs(`"awslogs-region": "r"`)), "Log driver awslogs requires options: awslogs-group"},
		{definitionOf(onHost, awslogs(group+`, "awslogs-multiline-pattern": "x"`)), "Log driver awslogs disallows options: awslogs-multiline-pattern. Berth acts on awslogs-group, awslogs-region, awslogs-stream-prefix, awslogs-create-group, mode, max-buffer-size."},
		{definitionOf(onHost, awslogs(group+`, "mode": "fast"`)), "Invalid log option 'mode' for container 'X': it is blocking or non-blocking, not 'fast'."},
		{definitionOf(onHost, awslogs(group+`, "max-buffer-size": "lots"`)), "Invalid log option 'max-buffer-size' for container 'X': 'lots' is no size such as 25m."},
		{definitionOf(onHost, awslogs(group+`, "mode": "blocking", "max-buffer-size": "1m"`)), "Invalid log option 'max-buffer-size' for container 'X': it is only supported with 'mode=non-blocking'."},
		{definitionOf(onHost, small+`, "healthCheck": {"command": []}`), "Invalid 'healthCheck' setting for container 'X': command must be specified."},
		{definitionOf(onHost, small+`, "environment": [{"value": "v"}]`), "Invalid 'environment' setting for container 'X': \"\" can't name a variable or have the value given."},
		{definitionOf(onHost, small+`, "linuxParameters": {"tmpfs": [{"containerPath": "tmp", "size": 1}]}`), "Invalid 'tmpfs' setting for container 'X': containerPath 'tmp' is not an absolute path."},
		{definitionOf(onHost, small+`, "linuxParameters": {"tmpfs": [{"containerPath": "/tmp", "size": 0}]}`), "Invalid 'tmpfs' setting for container 'X': size must be at least 1 MiB."},
		{definitionOf(onHost, small+`, "linuxParameters": {"tmpfs": [{"containerPath": "/tmp", "size": 1, "mountOptions": ["mode=700", "fast"]}]}`), "Invalid 'tmpfs' setting for container 'X': there is no mount option 'fast'."},
		{definitionOf(onFargate, `"dockerSecurityOptions": ["no-new-privileges"]`), "Fargate compatible task definitions do not support dockerSecurityOptions"},
		{definitionOf(onFargate, awslogs(group)), "Log driver awslogs requires options: awslogs-stream-prefix"},
		{definitionOf(onFargate, awslogs(group+`, "awslogs-stream-prefix": "p"`)), "Fargate requires task definition to have execution role ARN to support log driver awslogs."},
		{strings.Replace(definitionOf(onFargate, ""), `"image": "i"`, `"image": "000000000000.dkr.ecr.us-east-1.amazonaws.com/i"`, 1), "Fargate requires task definition to have execution role ARN to support ECR images."},
		{definitionOf(`"requiresCompatibilities": ["FARGATE"], "networkMode": "host", "cpu": "256", "memory": "512"`, ""), "Fargate only supports network mode ‘awsvpc’."},
		{definitionOf(`"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "memory": "512"`, ""), "Fargate requires that 'cpu' be defined at the task level."},
		{definitionOf(`"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256"`, small), "Fargate requires that 'memory' be defined at the task level."},
		{definitionOf(`"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "4 GB"`, ""), "No Fargate configuration exists for given values: 256 CPU, 4096 memory. See the Amazon ECS documentation for the valid values."},
		{definitionOf(onFargate, `"privileged": true`), "Fargate compatible task definitions do not support privileged"},
		{definitionOf(onFargate, `"linuxParameters": {"capabilities": {"add": ["NET_ADMIN"]}}`), "Fargate compatible task definitions do not support adding capabilities other than SYS_PTRACE"},
		{definitionOf(onFargate, `"stopTimeout": 121`), "Invalid 'stopTimeout' setting for container 'X': Fargate stops a container within 120 seconds."},
		{definitionOf(onHost, small+`, "command": ["`+strings.Repeat("x", 64<<10)+`"]`), "Actual length: '65656'. Max allowed length is '65536' bytes."},
	} {
		status, answer := call("RegisterTaskDefinition", c.body)
		if status != 400 {
			t.Errorf("%.300s\n     answers %d %s", c.body, status, answer)
			continue
		}
		if code, message := failure(t, answer); code != "ClientException" || message != c.message {
			t.Errorf("%.300s\n     answers %s: %s\n     want    %s", c.body, code, message, c.message)
		}
	}
	if n := w.TaskDefinitions.Len(here); n != 0 {
		t.Errorf("%d definitions were registered", n)
	}
}

// What the agent does not act on is refused by its name; its default passes.
func TestMembersThatAreRefused(t *testing.T) {
	w := newWorld(t, Config{})
	_, call := w.wire()
	for _, body := range []string{
		definitionOf(onHost+`, "pidMode": "task"`, small),
		definitionOf(onHost+`, "volumes": [{"name": "v"}]`, small),
		definitionOf(`"networkMode": "bridge"`, small),
		definitionOf(onHost+`, "requiresCompatibilities": ["MANAGED_INSTANCES"]`, small),
		definitionOf(onHost+`, "runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}`, small),
		definitionOf(onHost, small+`, "secrets": [{"name": "a", "valueFrom": "b"}]`),
		definitionOf(onHost, small+`, "healthCheck": {"command": ["CMD", "true"]}`),
		definitionOf(onHost, small+`, "dependsOn": [{"containerName": "X", "condition": "START"}]`),
		definitionOf(onHost, small+`, "logConfiguration": {"logDriver": "json-file"}`),
		definitionOf(onHost, small+`, "links": ["y"]`),
		definitionOf(onHost, small+`, "restartPolicy": {"enabled": true}`),
	} {
		status, answer := call("RegisterTaskDefinition", body)
		if code, message := failure(t, answer); status != 400 || code != "ClientException" && code != "InvalidParameterException" || !strings.Contains(message, "is not supported by Berth yet: ") {
			t.Errorf("%s\n     answers %d %s: %s", body, status, code, message)
		}
	}
	// AWS's defaults, and what asks for nothing.
	neutral := definitionOf(onHost+`, "volumes": [], "placementConstraints": [], "inferenceAccelerators": [], "requiresCompatibilities": ["EC2"], "tags": [], "runtimePlatform": {"operatingSystemFamily": "LINUX", "cpuArchitecture": "X86_64"}, "enableFaultInjection": false`,
		small+`, "secrets": [], "links": [], "dependsOn": [], "mountPoints": [], "volumesFrom": [], "interactive": false, "disableNetworking": false,
			"pseudoTerminal": false, "privileged": false, "readonlyRootFilesystem": false, "restartPolicy": {"enabled": false, "ignoredExitCodes": [], "restartAttemptPeriod": 300},
			"environment": [], "environmentFiles": [], "dnsServers": [], "dnsSearchDomains": [], "extraHosts": [], "dockerSecurityOptions": [], "dockerLabels": {},
			"ulimits": [], "systemControls": [], "resourceRequirements": [], "credentialSpecs": [], "entryPoint": [], "command": [], "portMappings": [],
			"healthCheck": null, "versionConsistency": "enabled", "logConfiguration": {"logDriver": "awslogs",
				"options": {"awslogs-group": "g", "awslogs-region": "us-east-1"}, "secretOptions": []},
			"linuxParameters": {"capabilities": {"add": [], "drop": []}, "devices": [], "tmpfs": [], "initProcessEnabled": false, "maxSwap": 0, "swappiness": 60}`)
	if status, answer := call("RegisterTaskDefinition", neutral); status != 200 {
		t.Errorf("what asks for nothing is refused: %s", answer)
	}
}
