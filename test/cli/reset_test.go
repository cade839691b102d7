package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/test/berthtest"
)

func TestReset(t *testing.T) {
	data := place(t)
	dev(t, data)
	verb := func(args ...string) call {
		t.Helper()
		c := berth(t, append([]string{"--data-dir", data}, args...)...)
		if c.code != 0 {
			t.Fatalf("berth %v: %s", args, c.stderr)
		}
		return c
	}
	env, images := verb("env").stdout, verb("image", "import", berthtest.Archive(t, "stubborn:test", "./test/berthtest/counter")).stdout
	for round := range 3 {
		verb("run", helloWeb, "--count", "10", "--cluster", "other")
		verb("run", file(t, "stubborn.json", stubborn))
		began := time.Now()
		c := verb("reset", "--output", "json")
		t.Logf("reset %d, of 11 tasks, one of which ignores SIGTERM: %s as people see it; it says %s", round+1, time.Since(began), strings.Join(strings.Fields(c.stdout), " "))
		if took := decode[map[string]int64](t, c)["milliseconds"]; took > 5000 { // half a second on an idle machine
			t.Errorf("it took %d ms", took)
		}
		if left := berthtest.TaskLeftovers(t, instanceOf(t, data)); len(left) > 0 {
			t.Errorf("of the tasks there is left %v", left)
		}
		if all := ps(t, data, "-a"); len(all) > 0 {
			t.Errorf("there still is %v", all)
		}
		berth(t, "--data-dir", data, "ps", "--cluster", "other").refused(t, 1, "there is no cluster other")
		berth(t, "--data-dir", data, "run", "hello-web").refused(t, 1, "neither a file here nor a registered family")
		berth(t, "--data-dir", data, "logs", "hello-web").refused(t, 1, `"hello-web"`)
		if verb("env").stdout != env {
			t.Error("the keys have changed")
		}
		if !strings.Contains(verb("image", "ls").stdout, strings.Fields(images)[6]) {
			t.Errorf("the image is gone: there is\n%s", verb("image", "ls").stdout)
		}
	}
	first := decode[[]task](t, verb("run", helloWeb, "--output", "json"))
	if len(first) != 1 || first[0].Definition != "hello-web:1" || first[0].Status != "RUNNING" {
		t.Errorf("the first task after a reset is %+v", first)
	}
	if lines := verb("logs", first[0].Task).stdout; strings.Count(lines, "\n") > 2 {
		t.Errorf("it has the log of those before:\n%s", lines)
	}
}
