package task

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/api/acs"
)

// Assignment is a task as the control plane hands it out.
type Assignment struct {
	ID   string // 32 hexadecimal digits, the end of the ARN
	Task acs.Task
	// Payload is the task as it came, less its secrets: what is kept on disk.
	Payload jsontext.Value
	// Broken is why the task cannot be read, beyond its ARN. It never runs, and that is reported.
	Broken error
}

var idPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

// ID returns the id in a task's ARN: what follows the last slash.
func ID(arn string) (string, error) {
	id := arn[strings.LastIndexByte(arn, '/')+1:]
	if !idPattern.MatchString(id) {
		return "", fmt.Errorf("task ARN %q does not end in a task id of 32 hexadecimal digits", arn)
	}
	return id, nil
}

// Decode reads a task of a payload. An error says that nothing can be made of it, not even a report.
func Decode(payload jsontext.Value) (Assignment, error) {
	var a Assignment
	if a.Broken = json.Unmarshal(payload, &a.Task); a.Broken != nil {
		var named struct {
			ARN     string `json:"arn"`
			Cluster string `json:"taskClusterArn"`
		}
		if err := json.Unmarshal(payload, &named); err != nil {
			return a, fmt.Errorf("decode a task: %w", err)
		}
		a.Task = acs.Task{Arn: named.ARN, TaskClusterArn: named.Cluster}
	}
	var err error
	if a.ID, err = ID(a.Task.Arn); err != nil {
		return a, err
	}
	if a.Broken == nil && a.Task.RoleCredentials == nil && a.Task.ExecutionRoleCredentials == nil {
		a.Payload = payload // which has no secrets
		return a, nil
	}
	a.Payload, err = withoutSecrets(payload)
	return a, err
}

// Stop says that the control plane wants the task stopped.
func (a Assignment) Stop() bool { return a.Task.DesiredStatus == "STOPPED" }

// named is what is kept of credentials: enough to name them.
type named struct {
	CredentialsID string `json:"credentialsId,omitzero"`
	RoleARN       string `json:"roleArn,omitzero"`
}

// withoutSecrets is a payload's task with its credentials reduced to their names and all else as it was.
func withoutSecrets(payload jsontext.Value) (jsontext.Value, error) {
	var t struct {
		Role      jsontext.Value `json:"roleCredentials,omitzero"`
		Execution jsontext.Value `json:"executionRoleCredentials,omitzero"`
		Rest      jsontext.Value `json:",embed"`
	}
	if err := json.Unmarshal(payload, &t); err != nil {
		return nil, err
	}
	for _, c := range []*jsontext.Value{&t.Role, &t.Execution} {
		var n *named
		if *c == nil || json.Unmarshal(*c, &n) != nil {
			*c = nil // what cannot be read is not kept
			continue
		}
		var err error
		if *c, err = json.Marshal(n); err != nil {
			return nil, err
		}
	}
	return json.Marshal(&t)
}

// check says what makes a task impossible to run.
func (t *task) check() error {
	if t.broken != nil {
		return t.broken
	}
	return checkContainers(t.payload.Containers)
}

func checkContainers(containers []acs.Container) error {
	if len(containers) == 0 {
		return errors.New("it has no containers")
	}
	names, essential := map[string]bool{}, false
	for _, c := range containers {
		switch {
		case !containerName.MatchString(c.Name):
			return fmt.Errorf("%q cannot name a container", c.Name)
		case names[c.Name]:
			return fmt.Errorf("two of its containers have the name %s", c.Name)
		case c.Image == "":
			return fmt.Errorf("its container %s has no image", c.Name)
		}
		names[c.Name] = true
		essential = essential || c.Essential
	}
	if !essential {
		return errors.New("none of its containers is essential")
	}
	_, err := inOrder(containers)
	return err
}

// containerName is what ECS takes as a container's name; it also names a directory.
var containerName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,255}$`)
