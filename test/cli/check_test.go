package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/check"
	"github.com/berth-dev/berth/internal/wire"
	"github.com/berth-dev/berth/test/berthtest"
)

// TestCheckNeedsNoBerth checks files where none has ever run.
func TestCheckNeedsNoBerth(t *testing.T) {
	data := filepath.Join(t.TempDir(), "none")
	checked := func(args ...string) call {
		t.Helper()
		return berth(t, append([]string{"--data-dir", data, "check"}, args...)...)
	}
	examples, err := filepath.Glob("../../examples/*/task-definition.json")
	if err != nil || len(examples) == 0 {
		t.Fatal(err)
	}
	for _, name := range examples {
		if c := checked(name); c.code != 0 || strings.Contains(c.stdout, "](") || !strings.Contains(c.stdout, "docs/images.md") {
			t.Errorf("%s: %s%s", name, c.stdout, c.stderr)
		}
	}
	faulty := file(t, "faulty.json", strings.Replace(job("faulty", "1", "1", "0"), "{", `{"enableFaultInjection":true,`, 1))
	c := checked(faulty)
	c.refused(t, 1, "1 part of this task definition would be refused")
	if !strings.Contains(c.stdout, "refused   enableFaultInjection ") || !strings.Contains(c.stdout, "fault injection") {
		t.Errorf("it printed\n%s", c.stdout)
	}
	report := decodeAny[check.Report](t, checked(faulty, "--output", "json"))
	if report.Kind != check.TaskDefinition || report.Stops() != 1 {
		t.Errorf("%+v", report)
	}
	compose := exec.Command(berthtest.Program(t, "berth"), "check", "-", "--output", "json")
	compose.Stdin = strings.NewReader("services:\n  web:\n    image: nginx\n    user: \"1000\"\n")
	report = decodeAny[check.Report](t, run(t, compose))
	if report.Kind != check.Compose || report.Stops() != 0 {
		t.Errorf("%+v", report)
	}
	report = decodeAny[check.Report](t, checked("../../internal/check/testdata/plan.json", "--output", "json"))
	lb := false
	for _, f := range report.Findings {
		lb = lb || f.Where == "module.web.aws_lb.this" && f.Severity == wire.Refused
	}
	if report.Kind != check.Plan || !lb {
		t.Errorf("%+v", report)
	}
	checked(file(t, "other.json", `{"a":1}`)).refused(t, 1, "other.json", "no task definition, no compose file and no plan")
	checked("nothing.json").refused(t, 1, "nothing.json", "no such file")
	checked().refused(t, 2, "FILE is missing")
	if _, err := os.Stat(data); err == nil {
		t.Error("it made a data directory")
	}
}

// decodeAny decodes what a verb printed as JSON, however it ended.
func decodeAny[T any](t *testing.T, c call) T {
	t.Helper()
	c.code = 0
	return decode[T](t, c)
}
