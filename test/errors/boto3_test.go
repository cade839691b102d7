package errors

import (
	"bytes"
	_ "embed"
	"os"
	"os/exec"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/iam"
	"github.com/berth-dev/berth/test/berthtest"
)

//go:embed testdata/boto3.py
var boto3 string

// withBoto3 makes all calls in one process.
func withBoto3(t *testing.T, endpoint string, key iam.Key, calls []call) (answers []answer) {
	python := berthtest.Tool(t, "python3")
	if err := exec.Command(python, "-c", "import boto3").Run(); err != nil {
		berthtest.Missing(t, "boto3 of python3")
	}
	in, err := json.Marshal(calls)
	if err != nil {
		t.Fatal(err)
	}
	script := exec.CommandContext(t.Context(), python, "-c", boto3)
	script.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+endpoint, "AWS_ACCESS_KEY_ID="+key.ID, "AWS_SECRET_ACCESS_KEY="+key.Secret, "AWS_SESSION_TOKEN=")
	script.Stdin, script.Stderr = bytes.NewReader(in), os.Stderr
	out, err := script.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &answers); err != nil || len(answers) != len(calls) {
		t.Fatalf("%d answers to %d calls: %v\n%s", len(answers), len(calls), err, out)
	}
	return answers
}
