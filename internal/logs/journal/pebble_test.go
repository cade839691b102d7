package journal_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/logs/journal"
	"github.com/berth-dev/berth/internal/logs/journal/journaltest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("BERTH_TEST_JOURNAL_WRITER"); dir != "" {
		writeForever(dir)
	}
	os.Exit(m.Run())
}

func open(t testing.TB, dir string) *journal.Pebble {
	t.Helper()
	j, err := journal.OpenPebble(dir, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestPebble(t *testing.T) {
	journaltest.Run(t, func(t testing.TB) journal.Journal {
		j := open(t, t.TempDir())
		t.Cleanup(func() { j.Close() })
		return j
	})
}

func TestDirectoryIsHeldByOne(t *testing.T) {
	dir := t.TempDir()
	defer open(t, dir).Close()
	if j, err := journal.OpenPebble(dir, slog.Default()); err == nil {
		j.Close()
		t.Fatal("a second journal opened the same directory")
	}
}

func TestDamagedDirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, dir).Close()
	manifests, err := filepath.Glob(filepath.Join(dir, "MANIFEST-*"))
	if err != nil || len(manifests) == 0 {
		t.Fatal(manifests, err)
	}
	for _, path := range manifests {
		if err := os.WriteFile(path, []byte("not a manifest, whatever its name says"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	j, err := journal.OpenPebble(dir, slog.Default())
	if err == nil {
		j.Close()
		t.Fatal("a damaged journal opened")
	}
	if !strings.Contains(err.Error(), dir) {
		t.Fatalf("the error doesn't say where: %v", err)
	}
}

const killedGroup journal.GroupID = 7

// writeForever appends to a stream, telling of each batch once it is acknowledged, until it is killed. Like the agent
// after a lost answer, it begins again at the first offset each time and goes on where the journal says.
func writeForever(dir string) {
	j, err := journal.OpenPebble(dir, slog.Default())
	if err != nil {
		panic(err)
	}
	if err := j.CreateStream(context.Background(), killedGroup, "s", 1); err != nil && !errors.Is(err, journal.ErrStreamExists) {
		panic(err)
	}
	for next := uint64(0); ; {
		b := journal.Batch{Now: 1, Source: "c", First: next, End: next + 10}
		for i := range 10 {
			b.Events = append(b.Events, journal.NewEvent{Time: int64(1 + next), Message: fmt.Sprint(next + uint64(i))})
		}
		var refused *journal.OffsetError
		switch err := j.Append(context.Background(), killedGroup, "s", b); {
		case errors.As(err, &refused):
			next = refused.Next
		case err != nil:
			panic(err)
		default:
			next = b.End
			fmt.Println(next)
		}
	}
}

func TestKilledWriterLosesAndDoublesNothing(t *testing.T) {
	dir := t.TempDir()
	acknowledged := 0
	for round := range 5 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "BERTH_TEST_JOURNAL_WRITER="+dir)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for i := 0; lines.Scan(); i++ {
			fmt.Sscan(lines.Text(), &acknowledged)
			if i == 50+137*round {
				child.Process.Kill()
			}
		}
		child.Wait()

		j := open(t, dir)
		n := 0
		for e, err := range j.Scan(t.Context(), killedGroup, journal.Query{}) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Message != fmt.Sprint(n) {
				t.Fatalf("round %d: event %d says %q", round, n, e.Message)
			}
			n++
		}
		if n < acknowledged || acknowledged == 0 {
			t.Fatalf("round %d: %d events, %d were acknowledged", round, n, acknowledged)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
