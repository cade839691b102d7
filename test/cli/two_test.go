package cli

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/instance"
	"github.com/berth-dev/berth/test/berthtest"
)

// TestTwoSideBySide runs two Berths by their names, with tasks in each: nothing that one is told touches the other.
func TestTwoSideBySide(t *testing.T) {
	if os.Getuid() != 0 {
		berthtest.Missing(t, "root")
	}
	var names, dirs, ids [2]string
	for i := range names {
		names[i] = fmt.Sprintf("test-%d-%d", os.Getpid(), i)
		dirs[i] = instance.SystemDir(names[i])
		t.Cleanup(func() { removeAll(t, dirs[i]) })
		c := berth(t, "--name", names[i], "dev", "-d", "--listen", "127.0.0.1:0")
		if c.code != 0 {
			t.Fatal(c.stderr)
		}
		if !strings.Contains(c.stdout, "--name "+names[i]+" run FILE") {
			t.Errorf("what it says to type next is for another Berth:\n%s", c.stdout)
		}
		ids[i] = instanceOf(t, dirs[i])
	}
	verb := func(i int, args ...string) call {
		t.Helper()
		c := berth(t, append([]string{"--name", names[i]}, args...)...)
		if c.code != 0 {
			t.Fatalf("berth --name %s %v: %s", names[i], args, c.stderr)
		}
		return c
	}
	tasks := func(i int) []task { return decode[[]task](t, verb(i, "ps", "--output", "json")) }
	answers := func(i int, url string) {
		t.Helper()
		berthtest.Eventually(t, 10*time.Second, url+" answers", func() bool {
			answer, err := http.Get(url + "/health")
			if err == nil {
				answer.Body.Close()
			}
			return err == nil
		})
	}
	for i := range names {
		verb(i, "run", helloWeb, "--count", "2")
	}
	before := tasks(1)
	for i := range names {
		all := tasks(i)
		if len(all) != 2 {
			t.Fatalf("%s has %v", names[i], all)
		}
		for _, task := range all {
			answers(i, task.URLs[0])
		}
	}
	if env := verb(0, "env").stdout; env == verb(1, "env").stdout {
		t.Errorf("both have the same endpoint and keys:\n%s", env)
	}
	unharmed := func() {
		t.Helper()
		now := tasks(1)
		if !slices.EqualFunc(before, now, func(a, b task) bool { return a.ARN == b.ARN && a.Status == b.Status }) {
			t.Fatalf("the other had %v and has %v", before, now)
		}
		for _, task := range now {
			answers(1, task.URLs[0])
		}
	}
	for _, line := range []string{"stop hello-web", "reset", "down", "clean"} {
		verb(0, strings.Fields(line)...)
		unharmed()
	}
	if left := berthtest.Leftovers(t, ids[0]); len(left) > 0 {
		t.Errorf("of the one that was cleaned there is left %v", left)
	}
	if _, err := os.Stat(dirs[0]); err == nil {
		t.Errorf("%s is left", dirs[0])
	}
	verb(1, "run", "hello-web")
	verb(1, "down")
}
