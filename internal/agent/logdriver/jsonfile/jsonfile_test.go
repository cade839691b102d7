package jsonfile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/berth-dev/berth/internal/agent/logdriver"
	"github.com/berth-dev/berth/internal/agent/logdriver/logdrivertest"
)

func (d *Driver) all(t interface{ Fatal(...any) }) (texts []string) {
	for from := (Cursor{}); ; {
		lines, to, err := d.Read("t1", "web", from, 7)
		if err != nil {
			t.Fatal(err)
		}
		if len(lines) == 0 {
			return texts
		}
		for _, l := range lines {
			texts = append(texts, l.Text)
		}
		from = to
	}
}

func TestFilesAreThoseOfDocker(t *testing.T) {
	d := &Driver{Dir: t.TempDir()}
	s := logdrivertest.Source("json-file", map[string]string{"labels": "team", "tag": "{{.Name}}"})
	logdrivertest.Send(t, d, s, logdrivertest.Batch(`say "hi"`, "", "!two"))
	got, err := os.ReadFile(filepath.Join(d.Dir, "t1", "web-json.log"))
	want := `{"log":"say \"hi\"\n","stream":"stdout","attrs":{"tag":"ecs-app-1-web-0123","team":"web"},"time":"2026-05-04T03:02:01.123456789Z"}
{"log":"\n","stream":"stdout","attrs":{"tag":"ecs-app-1-web-0123","team":"web"},"time":"2026-05-04T03:02:01.124456789Z"}
{"log":"!two\n","stream":"stderr","attrs":{"tag":"ecs-app-1-web-0123","team":"web"},"time":"2026-05-04T03:02:01.125456789Z"}
`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
	if got := d.all(t); !slices.Equal(got, []string{`say "hi"`, "", "!two"}) {
		t.Errorf("read %q", got)
	}
	if lines, _, err := d.Read("t1", "nobody", Cursor{}, 10); len(lines) > 0 || err != nil {
		t.Errorf("%v, %v", lines, err)
	}
}

// TestEachLineIsThereOnce writes lines, lets agents die, repeats what they had sent, and rotates: what is left is the last of
// the lines, each once.
func TestEachLineIsThereOnce(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		d := &Driver{Dir: filepath.Join(dir, fmt.Sprint(n))}
		options := map[string]string{}
		rotates := rapid.Bool().Draw(t, "rotates")
		if rotates {
			options = map[string]string{"max-size": "2k", "max-file": fmt.Sprint(rapid.IntRange(1, 4).Draw(t, "files"))}
			if options["max-file"] != "1" && rapid.Bool().Draw(t, "compress") {
				options["compress"] = "true"
			}
		}
		s := logdrivertest.Source("json-file", options)
		sink, err := d.Open(s)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		at := 0
		for range rapid.IntRange(1, 10).Draw(t, "batches") {
			// An agent's death: what was sent since its last note comes again.
			if rapid.IntRange(0, 3).Draw(t, "dies") == 0 {
				path := filepath.Join(d.Dir, "t1", "web-json.log")
				if f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0); err == nil { // in the middle of a write
					f.WriteString(`{"log":"half a li`)
					f.Close()
				}
				sink.Close()
				if sink, err = d.Open(s); err != nil {
					t.Fatal(err)
				}
				at -= rapid.IntRange(0, at).Draw(t, "again")
			}
			b := logdriver.Batch{First: uint64(at)}
			for range rapid.IntRange(1, 10).Draw(t, "lines") {
				text := fmt.Sprintf("line %d %s", at, strings.Repeat("x", 100))
				b.Events = append(b.Events, logdriver.Event{First: uint64(at), End: uint64(at + 1), Time: time.Unix(1_700_000_000, int64(at/5)), Stream: 1, Text: text})
				if at == len(want) {
					want = append(want, text)
				}
				at++
			}
			b.End = uint64(at)
			if taken, err := sink.Send(t.Context(), b); taken != len(b.Events) || err != nil {
				t.Fatalf("%d, %v", taken, err)
			}
			at = max(at, len(want))
		}
		sink.Close()
		got := d.all(t)
		if len(got) == 0 || !slices.Equal(got, want[len(want)-len(got):]) || !rotates && len(got) != len(want) {
			t.Fatalf("%d of %d lines: %.3000q", len(got), len(want), got)
		}
	})
}

func TestReadingGoesOnWhereItEnded(t *testing.T) {
	d := &Driver{Dir: t.TempDir()}
	s := logdrivertest.Source("json-file", nil)
	sink, err := d.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	const lines = 5000 // several times what is read at once
	b := logdriver.Batch{}
	for i := range uint64(lines) {
		b.Events = append(b.Events, logdriver.Event{First: i, End: i + 1, Time: time.Unix(1_700_000_000, int64(i/3)), Text: fmt.Sprint(i, strings.Repeat("x", 100))})
	}
	if _, err := sink.Send(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if got := d.all(t); len(got) != lines || !strings.HasPrefix(got[lines-1], "4999x") {
		t.Errorf("%d lines", len(got))
	}
	last, err := d.Last("t1", "web", 3)
	if err != nil || len(last) != 3 || !strings.HasPrefix(last[0].Text, "4997x") || !strings.HasPrefix(last[2].Text, "4999x") {
		t.Errorf("%v, %v", last, err)
	}
	if _, _, err := d.Read("../t1", "web", Cursor{}, 1); err == nil {
		t.Error("a task's name leads out of the directory")
	}
}

func TestWhatIsWrongIsToldInDockersWords(t *testing.T) {
	d := &Driver{Dir: t.TempDir()}
	for _, c := range []struct{ name, value, want string }{
		{"colour", "red", "unknown log opt 'colour' for json-file log driver"},
		{"max-size", "big", "invalid size: 'big'"},
		{"max-size", "0", "max-size must be a positive number"},
		{"max-file", "0", "max-file cannot be less than 1"},
		{"compress", "true", "compress cannot be true when max-file is less than 2 or max-size is not set"},
		{"max-buffer-size", "4m", "logger: max-buffer-size option is only supported with 'mode=non-blocking'"},
	} {
		if err := d.Prepare(t.Context(), logdrivertest.Source("json-file", map[string]string{c.name: c.value})); err == nil || err.Error() != c.want {
			t.Errorf("%s=%s: %v, want %s", c.name, c.value, err, c.want)
		}
	}
}

func TestFilesOfTasksThatEndedLongAgoGo(t *testing.T) {
	d := &Driver{Dir: t.TempDir()}
	for i, task := range []string{"lives", "new", "old"} {
		s := logdrivertest.Source("json-file", nil)
		s.Task = task
		logdrivertest.Send(t, d, s, logdrivertest.Batch("x"))
		if err := d.Ended(task); err != nil {
			t.Fatal(err)
		}
		if i != 1 {
			if err := os.Chtimes(filepath.Join(d.Dir, task), time.Now(), time.Now().Add(-4*time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := d.Ended("never printed"); err != nil {
		t.Error(err)
	}
	if err := d.Sweep(func(task string) bool { return task == "lives" }); err != nil {
		t.Fatal(err)
	}
	for task, want := range map[string]bool{"lives": true, "new": true, "old": false} {
		if exists(filepath.Join(d.Dir, task)) != want {
			t.Errorf("the files of %s are there: %v", task, !want)
		}
	}
}
