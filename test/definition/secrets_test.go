package definition

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/berth-dev/berth/internal/instance"
)

const hush = "hush-hush-in-no-file"

// TestSecretsAreSeenByTheirContainerAndInNoFile runs a container that prints nothing, and looks into its memory and at the disk.
func TestSecretsAreSeenByTheirContainerAndInNoFile(t *testing.T) {
	w := start(t)
	if _, err := ssm.NewFromConfig(w.SDK()).PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/app/token"), Value: aws.String(hush), Type: ssmtypes.ParameterTypeSecureString}); err != nil {
		t.Fatal(err)
	}
	secret, err := secretsmanager.NewFromConfig(w.SDK()).CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("db"), SecretString: aws.String(`{"password":"` + hush + `-2"}`)})
	if err != nil {
		t.Fatal(err)
	}
	register := func(family string, valueFrom ...string) {
		t.Helper()
		c := types.ContainerDefinition{Name: aws.String("app"), Image: aws.String("berth/hello"), Memory: aws.Int32(64)}
		for i, from := range valueFrom {
			c.Secrets = append(c.Secrets, types.Secret{Name: aws.String("SECRET" + string(rune('0'+i))), ValueFrom: aws.String(from)})
		}
		if _, err := w.ecs.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{Family: &family, NetworkMode: types.NetworkModeNone,
			ExecutionRoleArn: aws.String("arn:aws:iam::000000000000:role/exec"), ContainerDefinitions: []types.ContainerDefinition{c}}); err != nil {
			t.Fatal(err)
		}
	}
	register("secrets", "/app/token", aws.ToString(secret.ARN)+":password::")
	task := w.run(&ecs.RunTaskInput{TaskDefinition: aws.String("secrets")})
	environments, _ := filepath.Glob("/proc/[0-9]*/environ")
	seen := false
	for _, path := range environments {
		text, _ := os.ReadFile(path) // a process may have ended
		seen = seen || strings.Contains(string(text), "SECRET0="+hush+"\x00") && strings.Contains(string(text), "SECRET1="+hush+"-2\x00")
	}
	if !seen {
		t.Error("no process has the secrets in its environment")
	}
	in, err := instance.Find(w.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{w.Dir, in.RunDir()} {
		absent(t, dir, hush)
	}
	w.stop(task)

	register("missing", "/app/none")
	out, err := w.ecs.RunTask(t.Context(), &ecs.RunTaskInput{TaskDefinition: aws.String("missing")})
	if err != nil || len(out.Tasks) != 1 {
		t.Fatal(out, err)
	}
	const want = "Fetching secret data from SSM Parameter Store in us-east-1: invalid parameters: /app/none"
	if ended := w.until("STOPPED", out.Tasks[0]); aws.ToString(ended.StoppedReason) != want || ended.StopCode != types.TaskStopCodeTaskFailedToStart {
		t.Errorf("a task whose parameter is missing: %s %s", ended.StopCode, aws.ToString(ended.StoppedReason))
	}
}

// absent fails the test for every file of a directory in which a text is found.
func absent(t *testing.T, dir, text string) {
	t.Helper()
	looked := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || filepath.Base(filepath.Dir(path)) == "netns" {
			return nil // it has gone, or is a mount of the kernel's
		}
		content, err := os.ReadFile(path)
		if looked++; err == nil && bytes.Contains(content, []byte(text)) {
			t.Errorf("%s tells a secret", path)
		}
		return nil
	})
	if err != nil || looked == 0 {
		t.Errorf("%s was not looked through: %d files, %v", dir, looked, err)
	}
}
