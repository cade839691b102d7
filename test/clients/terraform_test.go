package clients

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/test/berthtest"
)

// mirrorVariable names a directory that `terraform providers mirror` has filled with the AWS provider. Without it the test
// skips: nothing is downloaded.
const mirrorVariable = "BERTH_TEST_TERRAFORM_MIRROR"

// TestTerraform applies what is not about services, finds nothing to change after it, and destroys it.
func TestTerraform(t *testing.T) {
	mirror := os.Getenv(mirrorVariable)
	if mirror == "" {
		t.Skip(mirrorVariable + " names no mirror of providers")
	}
	if _, err := exec.LookPath("terraform"); err != nil {
		berthtest.Missing(t, "terraform")
	}
	b := berthtest.Start(t)
	dir := t.TempDir()
	config := filepath.Join(dir, "terraform.rc")
	text := "provider_installation {\n  filesystem_mirror {\n    path = \"" + mirror + "\"\n  }\n}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS("testdata/terraform")); err != nil {
		t.Fatal(err)
	}
	environment := append(b.Env(), "TF_CLI_CONFIG_FILE="+config, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1")
	terraform := func(args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "terraform", append(args, "-no-color")...)
		cmd.Dir, cmd.Env = dir, environment
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("terraform %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	terraform("init", "-input=false")
	applied := terraform("apply", "-auto-approve", "-input=false")
	for _, want := range []string{`cluster = "ACTIVE"`, `image = "berth/hello"`, "tasks = 1", ":000000000000:task-definition/web\""} {
		if !strings.Contains(applied, want) {
			t.Errorf("apply does not say %s:\n%s", want, applied)
		}
	}
	terraform("plan", "-detailed-exitcode", "-input=false") // fails when there is a difference
	var active struct {
		Clusters []struct{ RunningTasksCount, PendingTasksCount int }
	}
	berthtest.Eventually(t, time.Minute, "the tasks that the plans ran have stopped", func() bool {
		b.AWS(&active, "ecs", "describe-clusters", "--clusters", "main")
		return len(active.Clusters) == 1 && active.Clusters[0].RunningTasksCount+active.Clusters[0].PendingTasksCount == 0
	})
	terraform("destroy", "-auto-approve", "-input=false")
	var clusters struct{ Clusters []struct{ Status string } }
	b.AWS(&clusters, "ecs", "describe-clusters", "--clusters", "main")
	if len(clusters.Clusters) != 1 || clusters.Clusters[0].Status != "INACTIVE" {
		t.Errorf("after destroy the cluster is %+v", clusters)
	}
}
