package accesslog

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

const web = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/web/50dc6c495c0c9188"

func TestLinesAreKeptUnderTheNamesOfAWS(t *testing.T) {
	root := filepath.Join(t.TempDir(), "logs")
	d := Open(root, slog.New(slog.DiscardHandler))
	d.Keep(&balancer.AccessLog{Balancer: web, Bucket: "mine", Prefix: "a/b"}, []byte("one\n"))
	d.Keep(&balancer.AccessLog{Balancer: web, Bucket: "mine", Prefix: "a/b"}, []byte("two\n"))
	d.Keep(&balancer.AccessLog{Balancer: web, Bucket: "other"}, []byte("three\n"))
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for pattern, want := range map[string]string{
		"mine/a/b/AWSLogs/000000000000/elasticloadbalancing/us-east-1/*/*/*/000000000000_elasticloadbalancing_us-east-1_app.web.50dc6c495c0c9188_*Z.log": "one\ntwo\n",
		"other/AWSLogs/000000000000/elasticloadbalancing/us-east-1/*/*/*/*.log":                                                                          "three\n",
	} {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(names) == 0 {
			t.Errorf("%s: %v %v", pattern, names, err)
			continue
		}
		var got strings.Builder // two files, when five minutes were over in between
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got.Write(text)
		}
		if got.String() != want {
			t.Errorf("%s holds %q", pattern, got.String())
		}
	}
}

func TestNothingIsWrittenOutside(t *testing.T) {
	root := t.TempDir()
	inside := filepath.Join(root, "logs")
	d := Open(inside, slog.New(slog.DiscardHandler))
	d.Keep(&balancer.AccessLog{Balancer: web, Bucket: "..", Prefix: "../x"}, []byte("one\n"))
	d.Keep(&balancer.AccessLog{Balancer: "web", Bucket: "mine"}, []byte("two\n"))
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(root)
	if err != nil || len(entries) != 1 || entries[0].Name() != "logs" {
		t.Errorf("%v %v", entries, err)
	}
}

func TestNames(t *testing.T) {
	name, err := nameOf(balancer.AccessLog{Balancer: web, Bucket: "b", Prefix: "p"}, time.Date(2026, 11, 21, 8, 5, 0, 0, time.UTC))
	if want := "b/p/AWSLogs/000000000000/elasticloadbalancing/us-east-1/2026/11/21/000000000000_elasticloadbalancing_us-east-1_app.web.50dc6c495c0c9188_20261121T0805Z.log"; err != nil || name != want {
		t.Errorf("%s %v", name, err)
	}
}

// TestWhatADiskDoesNotTakeIsToldOnce has lines that can't be written, and then can.
func TestWhatADiskDoesNotTakeIsToldOnce(t *testing.T) {
	var told strings.Builder
	root := t.TempDir()
	d := &Directory{root: root, log: slog.New(slog.NewTextHandler(&told, nil)), files: map[string]*file{}}
	to := &balancer.AccessLog{Balancer: web, Bucket: "mine"}
	now := time.Now()
	for range 3 {
		d.write(line{to, []byte("lost\n"), now})
	}
	d.files[web].Close() // as a disk that fails
	d.settle(now)
	if len(d.files) != 0 || strings.Count(told.String(), "\n") != 1 || !strings.Contains(told.String(), "lines=3 ") {
		t.Errorf("it has %d files and told %q", len(d.files), told.String())
	}
	d.write(line{to, []byte("kept\n"), now})
	d.settle(time.Time{})
	names, _ := filepath.Glob(filepath.Join(root, "mine/AWSLogs/000000000000/elasticloadbalancing/us-east-1/*/*/*/*.log"))
	if len(names) != 1 {
		t.Fatal(names)
	}
	if text, err := os.ReadFile(names[0]); err != nil || string(text) != "kept\n" {
		t.Errorf("%q, %v", text, err)
	}
	if strings.Count(told.String(), "\n") != 1 {
		t.Errorf("told %q", told.String())
	}
}
