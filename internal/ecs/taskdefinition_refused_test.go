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
		definitionOf(onHost, small+`, "dockerSecurityOptions": ["no-new-privileges", "label:type:strict_t"]`),
		definitionOf(onHost, small+`, "dockerSecurityOptions": ["credentialspec:ssm:parameter"]`),
		definitionOf(onHost+`, "volumes": [{"name": "v", "configuredAtLaunch": true}]`, small+`, "mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]`),
		definitionOf(onHost+`, "volumes": [{"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-1", "transitEncryption": "ENABLED", "authorizationConfig": {"accessPointId": "fsap-1"}}}]`, small),
		definitionOf(onHost+`, "taskRoleArn": "r", "volumes": [{"name": "v", "s3filesVolumeConfiguration": {"fileSystemArn": "arn:aws:s3files:us-east-1:000000000000:file-system/fs-1"}}]`, small),
		definitionOf(onHost+`, "requiresCompatibilities": ["MANAGED_INSTANCES"]`, small),
		definitionOf(onHost+`, "runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}`, small),
	} {
		status, answer := call("RegisterTaskDefinition", body)
		if code, message := failure(t, answer); status != 400 || code != "ClientException" && code != "InvalidParameterException" || !strings.Contains(message, "is not supported by Berth yet: ") {
			t.Errorf("%s\n     answers %d %s: %s", body, status, code, message)
		}
	}
	// AWS's defaults, and what asks for nothing.
	neutral := definitionOf(onHost+`, "volumes": [{"name": "v", "host": {}, "configuredAtLaunch": false}], "placementConstraints": [], "inferenceAccelerators": [], "requiresCompatibilities": ["EC2"], "runtimePlatform": {"operatingSystemFamily": "LINUX", "cpuArchitecture": "X86_64"}, "enableFaultInjection": false`,
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

// A FireLens router is taken, and one with a file from S3 refused by its name.
func TestRouters(t *testing.T) {
	w := newWorld(t, Config{})
	_, call := w.wire()
	definition := func(options string) string {
		return `{"family": "f", "networkMode": "host", "containerDefinitions": [
			{"name": "web", "image": "i", "memory": 64, "logConfiguration": {"logDriver": "awsfirelens", "options": {"Name": "null"}}},
			{"name": "router", "image": "i", "memory": 64, "firelensConfiguration": {"type": "fluentbit", "options": {` + options + `}}}]}`
	}
	if status, answer := call("RegisterTaskDefinition", definition(`"enable-ecs-log-metadata": "false", "config-file-type": "file", "config-file-value": "/x.conf"`)); status != 200 {
		t.Errorf("a router is refused: %s", answer)
	}
	status, answer := call("RegisterTaskDefinition", definition(`"config-file-type": "s3", "config-file-value": "arn:aws:s3:::b/x.conf"`))
	if _, message := failure(t, answer); status != 400 || !strings.Contains(message, "containerDefinitions[1].firelensConfiguration.options.config-file-type") {
		t.Errorf("a file from S3: %d %s", status, message)
	}
}

// Every log driver of ECS is taken, with options that the agent checks; another is none.
func TestLogDrivers(t *testing.T) {
	w := newWorld(t, Config{})
	_, call := w.wire()
	for body, want := range map[string]int{
		`"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-region": "r", "awslogs-multiline-pattern": "^x"}`: 200,
		`"logDriver": "fluentd"`:                                  200,
		`"logDriver": "gelf"`:                                     200,
		`"logDriver": "journald"`:                                 200,
		`"logDriver": "json-file", "options": {"max-size": "1m"}`: 200,
		`"logDriver": "splunk", "options": {"splunk-url": "http://h:1", "splunk-token": "t"}`: 200,
		`"logDriver": "syslog"`:     200,
		`"logDriver": "splunk"`:     400,
		`"logDriver": "none"`:       400,
		`"logDriver": "logentries"`: 400,
	} {
		if status, answer := call("RegisterTaskDefinition", definitionOf(onHost, small+`, "logConfiguration": {`+body+`}`)); status != want {
			t.Errorf("%s answers %d: %s", body, status, answer)
		}
	}
}
