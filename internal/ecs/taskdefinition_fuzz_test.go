package ecs

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	api "github.com/berth-dev/berth/api/ecs"
)

// Whatever text is registered, the answer is an error of the client's, or a revision whose description registers too.
func FuzzRegisterTaskDefinition(f *testing.F) {
	for _, seed := range []string{
		webDefinition, hostDefinition, `{}`, `{"family": "f", "containerDefinitions": [null, {}]}`,
		definitionOf(onHost, small+`, "ulimits": [{"name": "nofile", "softLimit": 1, "hardLimit": 2}]`),
		definitionOf(onHost+`, "volumes": [{}], "tags": [{"key": "k"}]`, small+`, "mountPoints": [{}], "healthCheck": {"command": [""]}`),
		definitionOf(`"networkMode": "awsvpc"`, small+`, "portMappings": [{"containerPort": 1e9}, {"containerPortRange": "9-1"}], "dependsOn": [{"containerName": "X", "condition": "START"}]`),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		_, call := newWorld(t, Config{}).wire()
		status, answer := call("RegisterTaskDefinition", body)
		if status != http.StatusOK {
			if code, message := failure(t, answer); status != http.StatusBadRequest || code == "" || message == "" {
				t.Fatalf("%s answers %d %s", body, status, answer)
			}
			return
		}
		var out struct{ TaskDefinition api.TaskDefinition }
		if err := json.Unmarshal([]byte(answer), &out, json.MatchCaseInsensitiveNames(true)); err != nil {
			t.Fatal(err)
		}
		described, err := json.Marshal(out.TaskDefinition) // with what a request does not have
		if err != nil {
			t.Fatal(err)
		}
		if status, answer := call("RegisterTaskDefinition", string(described)); status != http.StatusOK && !strings.Contains(answer, "Max allowed length") {
			t.Fatalf("%s is described as %s, which answers %d %s", body, described, status, answer)
		}
	})
}
