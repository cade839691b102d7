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
	onHost = `"networkMode": "host"`
	small  = `"memory": 64`
)

// What AWS registers and Berth does not run is refused by its name; its default passes.
func TestDefinitionsThatBerthDoesNotRunAreRefused(t *testing.T) {
	w := newWorld(t, Config{})
	_, call := w.wire()
	for _, body := range []string{
		definitionOf(onHost+`, "pidMode": "task"`, small),
		definitionOf(onHost+`, "volumes": [{"name": "v"}]`, small),
		definitionOf(`"networkMode": "bridge"`, small),
		definitionOf(onHost+`, "requiresCompatibilities": ["MANAGED_INSTANCES"]`, small),
		definitionOf(onHost+`, "runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}`, small),
		definitionOf("", small),
		definitionOf(onHost+`, "executionRoleArn": "r"`, small+`, "secrets": [{"name": "a", "valueFrom": "b"}]`),
		definitionOf(onHost, small+`, "healthCheck": {"command": ["CMD", "true"]}`),
		definitionOf(onHost, small+`, "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-region": "r", "awslogs-multiline-pattern": "x"}}`),
		definitionOf(onHost, small+`, "logConfiguration": {"logDriver": "json-file"}`),
		definitionOf(onHost, small+`, "restartPolicy": {"enabled": true}`),
	} {
		status, answer := call("RegisterTaskDefinition", body)
		if code, message := failure(t, answer); status != 400 || code != "ClientException" && code != "InvalidParameterException" || !strings.Contains(message, "is not supported by Berth yet: ") {
			t.Errorf("%s\n     answers %d %s: %s", body, status, code, message)
		}
	}
	// AWS's defaults, and what asks for nothing.
	neutral := definitionOf(onHost+`, "volumes": [], "placementConstraints": [], "inferenceAccelerators": [], "requiresCompatibilities": ["EC2"], "runtimePlatform": {"operatingSystemFamily": "LINUX", "cpuArchitecture": "X86_64"}, "enableFaultInjection": false`,
		small+`, "secrets": [], "links": [], "dependsOn": [], "mountPoints": [], "volumesFrom": [], "interactive": false, "disableNetworking": false,
			"pseudoTerminal": false, "privileged": false, "readonlyRootFilesystem": false, "restartPolicy": {"enabled": false, "ignoredExitCodes": [], "restartAttemptPeriod": 300},
			"environment": [], "environmentFiles": [], "dnsServers": [], "dnsSearchDomains": [], "extraHosts": [], "dockerSecurityOptions": [], "dockerLabels": {},
			"ulimits": [], "systemControls": [], "resourceRequirements": [], "credentialSpecs": [], "entryPoint": [], "command": [], "portMappings": [],
			"healthCheck": null, "startTimeout": 30, "versionConsistency": "enabled", "logConfiguration": {"logDriver": "awslogs",
				"options": {"awslogs-group": "g", "awslogs-region": "us-east-1"}, "secretOptions": []},
			"linuxParameters": {"capabilities": {"add": [], "drop": []}, "devices": [], "tmpfs": [], "initProcessEnabled": false, "maxSwap": 0, "swappiness": 60}`)
	if status, answer := call("RegisterTaskDefinition", neutral); status != 200 {
		t.Errorf("what asks for nothing is refused: %s", answer)
	}
}
