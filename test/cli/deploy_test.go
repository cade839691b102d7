package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/test/berthtest"
)

// deployment is what `berth deploy` prints as JSON.
type deployment struct {
	Service    string `json:"service"`
	Definition string `json:"taskDefinition"`
	Status     string `json:"status"`
	Running    int    `json:"runningCount"`
}

// TestDeploy takes a service through its life by the verbs alone: it is created, updated, spoiled, explained, rolled back and scaled.
func TestDeploy(t *testing.T) {
	data := place(t)
	dev(t, data, "--region", "eu-west-1", "--fast").says(t, "Fast (--fast)")
	verb := func(args ...string) call { return berth(t, append([]string{"--data-dir", data}, args...)...) }
	must := func(args ...string) call {
		t.Helper()
		c := verb(args...)
		if c.code != 0 {
			t.Fatalf("berth %v: %s", args, c.stderr)
		}
		return c
	}
	must("image", "import", berthtest.Archive(t, "counter:test", "./test/berthtest/counter"))
	forever := file(t, "count.json", job("count", "0", "100", "0"))

	verb("deploy", forever).refused(t, 1, "no service of cluster default runs the family count", "--create")
	first := must("deploy", forever, "--create", "--count", "2")
	if !strings.HasPrefix(first.stdout, "count runs count:1 in 2 tasks, after ") || !strings.Contains(first.stderr, "has reached a steady state.") {
		t.Errorf("it printed\n%s\n%s", first.stdout, first.stderr)
	}
	second := decode[deployment](t, verb("deploy", forever, "--output", "json"))
	if second != (deployment{"count", "count:2", "SUCCESSFUL", 2}) {
		t.Errorf("the second deployment: %+v", second)
	}
	if c := verb("why", "count"); !strings.HasPrefix(c.stdout, "Service count has 2 of 2 tasks; nothing is wrong with it.\n") {
		t.Errorf("why of a service that is well:\n%s%s", c.stdout, c.stderr)
	}

	t.Run("a task before it that fails stops it", func(t *testing.T) {
		c := verb("deploy", "--service", "count", "--image", "counter:test", "--before", "main=2 1 7")
		if c.code != 1 || !strings.Contains(c.stderr, "nothing was deployed") || !strings.Contains(c.stderr, "exit code 7") || !strings.Contains(c.stderr, "| line 2") {
			t.Errorf("it ended with %d:\n%s", c.code, c.stderr)
		}
		if c := must("service", "ls"); !strings.Contains(c.stdout, "2/2     count:2") {
			t.Errorf("the service is\n%s", c.stdout)
		}
		after := decode[deployment](t, verb("deploy", "--service", "count", "--image", "counter:test", "--before", "2 1 0", "--output", "json"))
		if after.Status != "SUCCESSFUL" || after.Definition != "count:4" {
			t.Errorf("after a task that ended well: %+v", after)
		}
	})
	t.Run("one that fails says why, and is rolled back", func(t *testing.T) {
		definitions := file(t, "imagedefinitions.json", `[{"name": "main", "imageUri": "berth/nosuch:1"}]`)
		c := verb("deploy", "--service", "count", "--imagedefinitions", definitions)
		c.refused(t, 1, "the deployment of count:5 to count failed and was rolled back", "CannotPullContainerError", "why count` explains it")
		why := must("why", "count").stdout
		for _, want := range []string{"The deployment of service count failed, and was rolled back", "There is no image berth/nosuch:1", "circuit breaker: TRIGGERED", "count:4  2 of 2 tasks running"} {
			if !strings.Contains(why, want) {
				t.Errorf("why does not say %q:\n%s", want, why)
			}
		}
	})
	t.Run("rollback goes back to what ran before", func(t *testing.T) {
		if c := must("rollback", "count"); !strings.Contains(c.stderr, "count goes back from count:4 to count:2") || !strings.HasPrefix(c.stdout, "count runs count:2 in 2 tasks") {
			t.Errorf("it printed\n%s\n%s", c.stdout, c.stderr)
		}
	})
	t.Run("rollback stops a deployment that goes on", func(t *testing.T) {
		must("deploy", forever, "--detach")
		c := verb("rollback", "count")
		if again := "count runs count:2 again"; c.code != 0 || !strings.HasPrefix(c.stdout, again) && !strings.HasPrefix(c.stdout, "count runs count:2 in") {
			t.Errorf("it ended with %d:\n%s\n%s", c.code, c.stdout, c.stderr)
		}
	})
	t.Run("scale and show", func(t *testing.T) {
		if c := must("service", "scale", "count", "3"); c.stdout != "count has 3/3 tasks\n" {
			t.Errorf("it printed\n%s", c.stdout)
		}
		must("service", "scale", "count", "1")
		shown := must("service", "show", "count").stdout
		for _, want := range []string{"count  ACTIVE  1/1 tasks of count:2", "DEPLOYMENT", "PRIMARY", "Events:", "has reached a steady state."} {
			if !strings.Contains(shown, want) {
				t.Errorf("show does not say %q:\n%s", want, shown)
			}
		}
		if events := must("service", "events", "count", "--last", "2", "--output", "json").stdout; strings.Count(events, "\n") != 2 || !strings.Contains(events, `"message":"(service count) `) {
			t.Errorf("the events are\n%s", events)
		}
	})
	t.Run("mistakes are told in one line", func(t *testing.T) {
		verb("rollback", "nope").refused(t, 1, "there is no service nope in cluster default, only count")
		verb("deploy").refused(t, 2, "FILE is missing")
		verb("deploy", "--service", "count").refused(t, 2, "nothing would change")
		verb("deploy", "--service", "count", "--image", "x", "--before", "").refused(t, 2, "--before is empty")
		verb("deploy", "--service", "count", "--image", "").refused(t, 2, "--image is empty")
		verb("deploy", "--service", "", forever).refused(t, 2, "--service is empty")
		verb("deploy", "--count", "3", forever).refused(t, 2, "--count is for a service that --create makes")
		verb("deploy", "nosuch.json").refused(t, 1, "there is no file nosuch.json")
		verb("deploy", forever, "--before", "'open").refused(t, 2, "can't be split into words")
		verb("deploy", forever, "--before", "0 100 0", "--timeout", "1s").refused(t, 1, "the task before the deployment is", "nothing was deployed")
		verb("deploy", "--service", "count", "--image", "x=y").refused(t, 1, "has no container x, only main")
		verb("service", "scale", "count", "many").refused(t, 2, `"many" is no number of tasks`)
		verb("service", "show", "nope").refused(t, 1, "there is no service nope")
	})
	t.Run("a deployment that takes too long is left to itself", func(t *testing.T) {
		slow := strings.Replace(job("count", "0", "100", "0"), `"stopTimeout": 2,`, `"stopTimeout": 2, "healthCheck": {"command": ["CMD", "/nosuch"], "interval": 300, "startPeriod": 300},`, 1)
		began := time.Now()
		verb("deploy", file(t, "slow.json", slow), "--timeout", "2s").refused(t, 1, "after 2s", "and goes on")
		if time.Since(began) > 20*time.Second {
			t.Errorf("it took %s", time.Since(began))
		}
		must("rollback", "count", "--detach")
	})
}

// TestTheRootOfCertificates prints what clients are to trust; it is the same one after a reset.
func TestTheRootOfCertificates(t *testing.T) {
	data := place(t)
	dev(t, data, "--engine", "fake")
	verb := func(args ...string) call { return berth(t, append([]string{"--data-dir", data}, args...)...) }
	first := verb("ca")
	if !strings.HasPrefix(first.stdout, "-----BEGIN CERTIFICATE-----\n") {
		t.Fatalf("it printed\n%s%s", first.stdout, first.stderr)
	}
	told := decode[struct {
		Certificate string `json:"certificate"`
		Fingerprint string `json:"fingerprint"`
	}](t, verb("ca", "--output", "json"))
	if told.Certificate != first.stdout || len(told.Fingerprint) != 32*3-1 {
		t.Errorf("as JSON: %+v", told)
	}
	if c := verb("reset"); c.code != 0 {
		t.Fatal(c.stderr)
	}
	if again := verb("ca"); again.stdout != first.stdout {
		t.Errorf("after a reset it is another:\n%s", again.stdout)
	}
}
