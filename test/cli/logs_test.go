package cli

import (
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/iam"
	"github.com/berth-dev/berth/internal/wire/client"
	"github.com/berth-dev/berth/test/berthtest"
)

// TestLogsOfTasksThatCameAndWent follows a family whose tasks are over before anybody looks, and reads what is left of it once its
// definition is deleted.
func TestLogsOfTasksThatCameAndWent(t *testing.T) {
	data := place(t)
	dev(t, data, "--region", "eu-west-1")
	must := func(args ...string) string {
		t.Helper()
		c := berth(t, append([]string{"--data-dir", data}, args...)...)
		if c.code != 0 {
			t.Fatalf("berth %v: %s", args, c.stderr)
		}
		return c.stdout
	}
	must("image", "import", berthtest.Archive(t, "counter:test", "./test/berthtest/counter"))
	first := file(t, "first.json", job("brief", "2", "1", "0"))
	second := file(t, "second.json", strings.ReplaceAll(job("brief", "2", "1", "0"), `"name": "main"`, `"name": "other"`))
	id := strings.TrimSpace(must("run", first, "--print", "task"))
	berthtest.Eventually(t, 10*time.Second, "the first has logged", func() bool { return strings.Contains(must("logs", "brief"), "line 2\n") })

	f := start(t, exec.Command(berthtest.Program(t, "berth"), "--data-dir", data, "logs", "-f", "brief"))
	f.says(t, "line 2\n")
	must("run", second)
	f.says(t, "other | line 2\n")
	f.signal(t, syscall.SIGINT)
	if code := f.ends(t, 2*time.Second); code != 0 {
		t.Errorf("Ctrl-C: it ended with %d", code)
	}
	if n := strings.Count(f.output.String(), "line 2\n"); n != 2 {
		t.Errorf("it printed the two lines of two tasks so:\n%s", f.output.String())
	}
	if out := must("logs", "other"); out != "line 1\nline 2\n" {
		t.Errorf("by a container's name: %q", out)
	}

	keys, err := iam.ReadKeys(filepath.Join(data, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	key := keys.Dev()
	api := client.New(endpointOf(t, data), client.Static(key.ID, key.Secret, ""), "eu-west-1")
	if _, err := client.Call(t.Context(), api, ecs.DeregisterTaskDefinition, &ecs.DeregisterTaskDefinitionRequest{TaskDefinition: "brief:1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Call(t.Context(), api, ecs.DeleteTaskDefinitions, &ecs.DeleteTaskDefinitionsRequest{TaskDefinitions: []string{"brief:1"}}); err != nil {
		t.Fatal(err)
	}
	berthtest.Eventually(t, 10*time.Second, "the definition is gone", func() bool {
		c := berth(t, "--data-dir", data, "logs", id)
		return c.code == 1 && strings.Contains(c.stderr, "its task definition was deleted")
	})
	if out := must("logs", "brief"); out != "line 1\nline 2\n" {
		t.Errorf("of the others of its family: %q", out)
	}
}
