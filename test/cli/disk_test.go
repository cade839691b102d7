package cli

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/operator"
	"github.com/berth-dev/berth/test/berthtest"
)

// counting is a task definition whose container numbers its lines, and waits when they can't be kept.
const counting = `{"family": "counting", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512",
  "executionRoleArn": "arn:aws:iam::000000000000:role/exec",
  "containerDefinitions": [{"name": "main", "image": "counter:test", "essential": true, "command": ["0", "20"], "stopTimeout": 2,
    "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/disk", "awslogs-region": "us-east-1", "mode": "blocking",
      "awslogs-stream-prefix": "t", "awslogs-create-group": "true"}}}]}`

// fill makes the file as large as its disk allows, until nobody gives anything back any more.
func fill(t *testing.T, filler string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(300 * time.Millisecond) {
		var disk unix.Statfs_t
		if err := unix.Statfs(filepath.Dir(filler), &disk); err != nil {
			t.Fatal(err)
		}
		if disk.Bavail == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the disk does not stay full: %d bytes are free", disk.Bavail*uint64(disk.Bsize))
		}
		exec.Command("dd", "if=/dev/zero", "of="+filler, "bs=4k", "oflag=append", "conv=notrunc").Run() // it fails: that is the point
	}
}

// TestAFullDisk fills the disk to its last byte under a Berth at work: what needs room is refused and says so, all else goes
// on, and once there is room again nothing is missing.
func TestAFullDisk(t *testing.T) {
	data := place(t)
	disk := filepath.Dir(data)
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=512m,mode=755"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		removeAll(t, data)
		unix.Unmount(disk, unix.MNT_DETACH)
	})
	verb := func(args ...string) call { return berth(t, append([]string{"--data-dir", data}, args...)...) }
	must := func(args ...string) string {
		t.Helper()
		c := verb(args...)
		if c.code != 0 {
			t.Fatalf("berth %v: %s", args, c.stderr)
		}
		return c.stdout
	}
	f := dev(t, data)
	archive := berthtest.Archive(t, "counter:test", "./test/berthtest/counter")
	must("image", "import", archive)
	must("run", helloWeb)
	definition := file(t, "counting.json", counting)
	must("run", definition)

	filler := filepath.Join(disk, "filler")
	fill(t, filler)
	says := "the disk is full: 0 MiB are free under " + data + " and 128 MiB have to be: stop tasks, remove images or delete other files there"
	verb("run", "hello-web").refused(t, 1, "RunTask: ServerException: "+says)
	verb("run", definition).refused(t, 1, "RegisterTaskDefinition: ServerException: "+says)
	verb("run", "hello-web", "--cluster", "new").refused(t, 1, says)
	verb("image", "import", archive).refused(t, 1, says)
	verb("wait", "ready", "--timeout", "100ms").refused(t, 1, "berth is impaired: "+says)
	if health := healthOf(t, data, http.StatusServiceUnavailable); health.Status != operator.Impaired {
		t.Errorf("health is %+v", health)
	}
	if left, _ := filepath.Glob(filepath.Join(data, "agent/images/content/ingest/*")); len(left) > 0 {
		t.Errorf("the refused import left %v", left)
	}
	time.Sleep(2 * time.Second) // the container prints on, and waits
	if tasks := ps(t, data); len(tasks) != 2 || tasks[0].Status != "RUNNING" || tasks[1].Status != "RUNNING" {
		t.Errorf("on the full disk there is %+v", tasks)
	}
	if out := must("stop", "hello-web"); !strings.Contains(out, "STOPPED") {
		t.Errorf("stop on a full disk: %s", out)
	}
	select {
	case <-f.ended:
		t.Fatalf("the full disk ended it:\n%s", f.output)
	default:
	}

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	must("wait", "ready", "--timeout", "10s")
	must("run", "hello-web")
	must("image", "import", archive)
	must("stop", "counting")
	var lines []string
	berthtest.Eventually(t, 30*time.Second, "the whole log is there", func() bool {
		lines = strings.Split(strings.TrimSpace(must("logs", "counting")), "\n")
		return lines[len(lines)-1] == "terminated"
	})
	for i, line := range lines[:len(lines)-1] {
		if want := fmt.Sprintf("line %d", i+1); line != want {
			t.Fatalf("the log has %q where %q should be", line, want)
		}
	}
	if len(lines) < 20 {
		t.Errorf("the log has %d lines", len(lines))
	}

	// A start finds the disk full.
	must("down", "--keep-tasks")
	f.ends(t, 10*time.Second)
	fill(t, filler)
	verb("dev", "--listen", "127.0.0.1:0").refused(t, 1, "the disk is full: 0 MiB are free under "+data+" and 32 MiB have to be")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	dev(t, data)
	if tasks := ps(t, data); len(tasks) != 1 || tasks[0].Status != "RUNNING" {
		t.Errorf("after all that there is %+v", tasks)
	}
}
