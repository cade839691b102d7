package db

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"go.etcd.io/bbolt"
)

func opened(t *testing.T, path string) *DB {
	t.Helper()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func written(t *testing.T, d *DB, change func(b *Batch)) {
	t.Helper()
	var b Batch
	change(&b)
	if err := d.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsWrittenIsThereAfterAnotherStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.db")
	d := opened(t, path)
	written(t, d, func(b *Batch) {
		b.PutIdentity(Identity{Name: "default", Cluster: "default", Timeline: 7})
		b.PutTask(Task{ID: "aa", ARN: "arn:aa", Payload: jsontext.Value(`{"arn":"arn:aa"}`)})
		b.PutProgress(Progress{ID: "aa", Created: true})
		b.PutTask(Task{ID: "bb", Payload: jsontext.Value(`{}`)})
		for i := range 300 {
			b.PutReport(Report{Task: "aa", Sequence: uint64(300 - i), Change: jsontext.Value(`{}`)})
		}
		b.PutReport(Report{Task: "bb", Sequence: 1, Change: jsontext.Value(`{}`)})
		b.PutOffset("aa", "web", 42)
		b.PutOffset("aa", "webby", 43)
	})
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	d = opened(t, path)
	defer d.Close()
	if i, err := d.Identity("default"); err != nil || i.Timeline != 7 || i.Cluster != "default" {
		t.Errorf("identity %+v, %v", i, err)
	}
	if i, err := d.Identity("other"); err != nil || i.Name != "other" || i.Cluster != "" {
		t.Errorf("unknown identity %+v, %v", i, err)
	}
	if tasks, err := d.Tasks(); err != nil || len(tasks) != 2 || tasks[0].ARN != "arn:aa" {
		t.Errorf("tasks %+v, %v", tasks, err)
	}
	if p, err := d.Progress("aa"); err != nil || !p.Created {
		t.Errorf("progress %+v, %v", p, err)
	}
	reports, err := d.Reports()
	if err != nil || len(reports) != 301 || !slices.IsSortedFunc(reports[:300], func(a, b Report) int { return int(a.Sequence) - int(b.Sequence) }) {
		t.Errorf("%d reports out of order, %v", len(reports), err)
	}
	for container, want := range map[string]int64{"web": 42, "webby": 43, "we": 0} {
		if got, err := d.Offset("aa", container); err != nil || got != want {
			t.Errorf("offset of %s: %d, %v; want %d", container, got, err, want)
		}
	}

	written(t, d, func(b *Batch) { b.DeleteReport("aa", 300); b.DeleteTask("aa"); b.PutEnded("aa", time.Unix(7, 0)) })
	tasks, _ := d.Tasks()
	reports, _ = d.Reports()
	offset, _ := d.Offset("aa", "web")
	if ended, err := d.Ended(); err != nil || !ended["aa"].Equal(time.Unix(7, 0)) || len(ended) != 1 {
		t.Errorf("ended: %v, %v", ended, err)
	}
	if len(tasks) != 1 || len(reports) != 1 || reports[0].Task != "bb" || offset != 0 {
		t.Errorf("after its deletion of the task are left: %d tasks, %d reports, offset %d", len(tasks), len(reports), offset)
	}
}

func TestWritesOfManyShareTransactions(t *testing.T) {
	d := opened(t, filepath.Join(t.TempDir(), "agent.db"))
	defer d.Close()
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			written(t, d, func(b *Batch) { b.PutTask(Task{ID: fmt.Sprint(i), Payload: jsontext.Value(`{}`)}) })
		})
	}
	wg.Wait()
	tasks, err := d.Tasks()
	if err != nil || len(tasks) != 200 {
		t.Fatalf("%d tasks, %v", len(tasks), err)
	}
}

// What a caller that has gone was told is so: a task that was said not to be written, and is, would run once more after a restart.
func TestAWriteThatFailedIsNotThere(t *testing.T) {
	d := opened(t, filepath.Join(t.TempDir(), "agent.db"))
	defer d.Close()
	var wg sync.WaitGroup
	errs := make([]error, 400)
	for i := range errs {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(rand.N(2*time.Millisecond), cancel)
			var b Batch
			b.PutTask(Task{ID: fmt.Sprint(i), Payload: jsontext.Value(`{}`)})
			errs[i] = d.Write(ctx, b)
		})
	}
	wg.Wait()
	tasks, err := d.Tasks()
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, task := range tasks {
		there[task.ID] = true
	}
	for i, err := range errs {
		if there[fmt.Sprint(i)] != (err == nil) {
			t.Errorf("write %d answered %v; it is there: %t", i, err, there[fmt.Sprint(i)])
		}
	}
}

// The golden value is what a newer agent wrote: an older one that changes the task keeps what it does not know.
func TestMembersOfANewerAgentAreKept(t *testing.T) {
	var progress Progress
	golden, err := os.ReadFile("testdata/progress.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(golden, &progress); err != nil {
		t.Fatal(err)
	}
	if !progress.Running || progress.Containers["web"].Failed == "" || progress.PullStoppedAt.IsZero() {
		t.Errorf("the golden value reads as %+v", progress)
	}
	progress.Stopped = true
	path := filepath.Join(t.TempDir(), "agent.db")
	d := opened(t, path)
	defer d.Close()
	written(t, d, func(b *Batch) { b.PutProgress(progress) })
	kept, err := d.Progress(progress.ID)
	if err != nil {
		t.Fatal(err)
	}
	rewritten, err := json.Marshal(kept, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"shade":"green"`, `"depth":3`, `"stopped":true`} {
		if !strings.Contains(string(rewritten), want) {
			t.Errorf("%s is gone from %s", want, rewritten)
		}
	}
}

func TestAFileThatCannotBeTrustedIsRefusedAndLeftAlone(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "agent.db")
	d := opened(t, whole)
	written(t, d, func(b *Batch) {
		for i := range 500 {
			b.PutTask(Task{ID: fmt.Sprintf("%032d", i), Payload: jsontext.Value(`{"arn":"` + strings.Repeat("x", 500) + `"}`)})
		}
	})
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(t.TempDir(), "other.db")
	bolt, err := bbolt.Open(foreign, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = bolt.Close()
	other, err := os.ReadFile(foreign)
	if err != nil {
		t.Fatal(err)
	}
	scribbled := slices.Clone(good)
	for i := 4 * 4096; i < len(scribbled); i++ {
		scribbled[i] = byte(i * 7)
	}
	for name, content := range map[string][]byte{
		"empty":                     {},
		"text":                      []byte(strings.Repeat("not a database\n", 4096)),
		"cut short":                 good[:len(good)/2],
		"cut to its first pages":    good[:4*4096],
		"overwritten":               scribbled,
		"another program's":         other,
		"zeroes of the same length": make([]byte, len(good)),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "agent.db")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			d, err := Open(path)
			if !errors.Is(err, ErrDamaged) {
				if err == nil {
					_ = d.Close()
				}
				t.Fatalf("Open: %v", err)
			}
			if after, _ := os.ReadFile(path); !slices.Equal(after, content) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestANewerFormatAndAFileInUseAreRefusedByThatName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.db")
	d := opened(t, path)
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("second Open: %v", err)
	}
	_ = d.bolt.Update(func(tx *bbolt.Tx) error { return tx.Bucket(metaBucket).Put(formatKey, []byte("2")) })
	_ = d.Close()
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "newer berth") || errors.Is(err, ErrDamaged) {
		t.Errorf("Open of a newer format: %v", err)
	}
	if err := d.Write(t.Context(), Batch{}); err == nil {
		t.Error("a write after Close succeeds")
	}
}
