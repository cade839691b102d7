package etcd

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/store"
)

// victimDir is the environment variable that makes the test's program the one that is killed, at work in that directory.
const victimDir = "BERTH_TEST_VICTIM_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		fmt.Println(victim(dir))
		os.Exit(1) // it never ends by itself
	}
	os.Exit(m.Run())
}

// pair is written twice by every change, in rows of two tables.
type pair struct {
	Writer int    `json:"writer"`
	Count  int    `json:"count"`
	Text   string `json:"text"`
}

type world struct {
	*store.DB
	left, right *store.Table[pair]
}

// enter opens the state as cmd/berth does.
func enter(ctx context.Context, c Config) (*world, error) {
	db, err := Open(ctx, c)
	if err != nil {
		return nil, err
	}
	w := &world{db, store.NewTable[pair](db, "test", "left"), store.NewTable[pair](db, "test", "right")}
	return w, db.Start(ctx)
}

const writers = 8

var anywhere = store.Scope{Account: "000000000000", Region: "us-east-1"}

// victim says "ready", then for every change that was answered who made it and which one it was.
func victim(dir string) error {
	ctx := context.Background()
	w, err := enter(ctx, Config{Dir: dir, Instance: "cafe0001", Fresh: !exists(filepath.Join(dir, "..", "begun"))})
	if err != nil {
		return err
	}
	leader, err := w.Lead(ctx, "placement")
	if err != nil {
		return err
	}
	var mu sync.Mutex
	say := func(words ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(words...)
	}
	say("ready")
	failed := make(chan error)
	for n := range writers {
		go func() {
			id := fmt.Sprint(n)
			for {
				var count int
				err := leader.Update(ctx, func(tx *store.Tx) error {
					count = 1
					if old, ok := w.left.GetTx(tx, anywhere, id); ok {
						count = old.Count + 1
					}
					v := pair{n, count, strings.Repeat("x", rand.N(4000))}
					if err := w.left.Put(tx, anywhere, id, &v); err != nil {
						return err
					}
					return w.right.Put(tx, anywhere, id, &v)
				})
				if err != nil {
					failed <- err
				}
				say("done", n, count)
			}
		}()
	}
	return <-failed
}

func TestNothingAnsweredIsLostBySIGKILL(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "etcd")
	answered := make([]int, writers)
	for round := range 8 {
		v := startVictim(t, dir)
		v.waitFor(t, "ready")
		if err := os.WriteFile(filepath.Join(dir, "..", "begun"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, line := range v.kill(t, rand.N(300*time.Millisecond)) {
			var n, count int
			if _, err := fmt.Sscanf(line, "done %d %d", &n, &count); err == nil {
				answered[n] = count
			}
		}

		start := time.Now()
		w, err := enter(t.Context(), Config{Dir: dir, Instance: "cafe0001"})
		if err != nil {
			t.Fatalf("open after SIGKILL: %v", err)
		}
		opened := time.Since(start)
		if _, err := w.Lead(t.Context(), "placement"); err != nil {
			t.Fatalf("take over from the dead: %v", err)
		}
		t.Logf("round %d: %v answered; open after SIGKILL took %v, and to lead again %v more", round, answered, opened, time.Since(start)-opened)
		if opened > time.Second {
			t.Errorf("open after SIGKILL took %v", opened)
		}
		for n := range answered {
			answered[n] = w.verify(t, n, answered[n])
		}
		if err := w.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
}

// verify returns the last count of a writer, which may be one more than was answered, and is the same in both tables.
func (w *world) verify(t *testing.T, writer, answered int) int {
	t.Helper()
	left, _ := w.left.Get(anywhere, fmt.Sprint(writer))
	right, _ := w.right.Get(anywhere, fmt.Sprint(writer))
	switch {
	case left.Value == nil && right.Value == nil && answered == 0:
		return 0
	case left.Value == nil || right.Value == nil || *left.Value != *right.Value:
		t.Errorf("writer %d: half a transaction is there: %+v, %+v", writer, left.Value, right.Value)
		return answered
	case left.Value.Count < answered || left.Value.Count > answered+1:
		t.Errorf("writer %d: %d is there, %d was answered", writer, left.Value.Count, answered)
	}
	return left.Value.Count
}

func TestAFirstStartThatIsKilledLeavesNothingInTheWay(t *testing.T) {
	for range 10 {
		dir := filepath.Join(t.TempDir(), "etcd")
		v := startVictim(t, dir)
		v.kill(t, rand.N(120*time.Millisecond))
		w, err := enter(t.Context(), Config{Dir: dir, Instance: "cafe0001", Fresh: true})
		if err != nil {
			t.Fatalf("open after a first start that was killed: %v", err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// running is a victim at work.
type running struct {
	cmd   *exec.Cmd
	lines chan string // closed when its output ends
}

func startVictim(t *testing.T, dir string) *running {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), victimDir+"="+dir)
	cmd.Stderr = t.Output()
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	v := &running{cmd, make(chan string, 1<<20)}
	go func() {
		defer close(v.lines)
		for in := bufio.NewScanner(output); in.Scan(); {
			v.lines <- in.Text()
		}
	}()
	return v
}

func (v *running) waitFor(t *testing.T, want string) {
	t.Helper()
	if line := <-v.lines; line != want {
		t.Fatalf("it says %q, want %q", line, want)
	}
}

// kill kills the program after a while and returns what it has said.
func (v *running) kill(t *testing.T, after time.Duration) (said []string) {
	t.Helper()
	time.Sleep(after) // the moment is what the test varies
	if err := v.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for line := range v.lines {
		said = append(said, line)
	}
	v.cmd.Wait()
	return said
}
