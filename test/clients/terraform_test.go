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

// terraformed is a directory with a configuration, in which terraform runs.
type terraformed struct {
	t           *testing.T
	dir         string
	environment []string
}

// terraformOf copies a configuration of testdata and makes it ready for a Berth.
func terraformOf(t *testing.T, b *berthtest.Berth, configuration string) terraformed {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "terraform.rc")
	text := "provider_installation {\n  filesystem_mirror {\n    path = \"" + os.Getenv(mirrorVariable) + "\"\n  }\n}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", configuration))); err != nil {
		t.Fatal(err)
	}
	return terraformed{t, dir, append(b.Env(), "TF_CLI_CONFIG_FILE="+config, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1")}
}

// run runs terraform, which must succeed, and returns what it printed.
func (f terraformed) run(args ...string) string {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "terraform", append(args, "-no-color")...)
	cmd.Dir, cmd.Env = f.dir, f.environment
	out, err := cmd.CombinedOutput()
	if err != nil {
		f.t.Fatalf("terraform %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// withTerraform starts a Berth, or skips the test.
func withTerraform(t *testing.T) *berthtest.Berth {
	t.Helper()
	if os.Getenv(mirrorVariable) == "" {
		t.Skip(mirrorVariable + " names no mirror of providers")
	}
	if _, err := exec.LookPath("terraform"); err != nil {
		berthtest.Missing(t, "terraform")
	}
	return berthtest.Start(t)
}

// TestTerraform applies what is not about services, finds nothing to change after it, and destroys it.
func TestTerraform(t *testing.T) {
	b := withTerraform(t)
	f := terraformOf(t, b, "terraform")
	f.run("init", "-input=false")
	applied := f.run("apply", "-auto-approve", "-input=false")
	for _, want := range []string{`cluster = "ACTIVE"`, `image = "berth/hello"`, "tasks = 1", ":000000000000:task-definition/web\""} {
		if !strings.Contains(applied, want) {
			t.Errorf("apply does not say %s:\n%s", want, applied)
		}
	}
	f.run("plan", "-detailed-exitcode", "-input=false") // fails when there is a difference
	var active struct {
		Clusters []struct{ RunningTasksCount, PendingTasksCount int }
	}
	berthtest.Eventually(t, time.Minute, "the tasks that the plans ran have stopped", func() bool {
		b.AWS(&active, "ecs", "describe-clusters", "--clusters", "main")
		return len(active.Clusters) == 1 && active.Clusters[0].RunningTasksCount+active.Clusters[0].PendingTasksCount == 0
	})
	f.run("destroy", "-auto-approve", "-input=false")
	var clusters struct{ Clusters []struct{ Status string } }
	b.AWS(&clusters, "ecs", "describe-clusters", "--clusters", "main")
	if len(clusters.Clusters) != 1 || clusters.Clusters[0].Status != "INACTIVE" {
		t.Errorf("after destroy the cluster is %+v", clusters)
	}
}

// TestTerraformOfServices does the same with services, their load balancer and a task set.
func TestTerraformOfServices(t *testing.T) {
	b := withTerraform(t)
	f := terraformOf(t, b, "terraform-services")
	b.AWS(nil, "ecs", "create-cluster") // of the container instance
	f.run("init", "-input=false")
	if applied := f.run("apply", "-auto-approve", "-input=false"); !strings.Contains(applied, `service = "2 of FARGATE"`) {
		t.Errorf("apply does not say what the service is:\n%s", applied)
	}
	f.run("plan", "-detailed-exitcode", "-input=false") // fails when there is a difference
	f.run("destroy", "-auto-approve", "-input=false")
	var services struct{ Services []struct{ Status string } }
	b.AWS(&services, "ecs", "describe-services", "--services", "placed", "each")
	for _, s := range services.Services {
		if s.Status != "INACTIVE" {
			t.Errorf("after destroy a service is %s", s.Status)
		}
	}
}
