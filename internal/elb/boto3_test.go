package elb

import (
	_ "embed"
	"os"
	"os/exec"
	"testing"

	"github.com/berth-dev/berth/test/berthtest"
)

//go:embed testdata/client.py
var boto3Client string

// TestBoto3 runs what people's scripts do with boto3, waiters and paginators included: it reads all answers its own way.
func TestBoto3(t *testing.T) {
	python := berthtest.Tool(t, "python3")
	if err := exec.Command(python, "-c", "import boto3").Run(); err != nil {
		berthtest.Missing(t, "boto3 of python3")
	}
	f := newFixture(t)
	script := exec.CommandContext(t.Context(), python, "-c", boto3Client)
	script.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+f.url, "AWS_ACCESS_KEY_ID=dev", "AWS_SECRET_ACCESS_KEY=dev", "AWS_SESSION_TOKEN=",
		"AWS_REGION="+here.Region, "AWS_DEFAULT_REGION="+here.Region)
	if out, err := script.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
