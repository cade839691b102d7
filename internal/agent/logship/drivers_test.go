package logship

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/agent/logdriver"
	"github.com/berth-dev/berth/internal/agent/logdriver/fluentd"
	"github.com/berth-dev/berth/internal/agent/logdriver/gelf"
	"github.com/berth-dev/berth/internal/agent/logdriver/logdrivertest"
	"github.com/berth-dev/berth/internal/agent/logdriver/splunk"
	"github.com/berth-dev/berth/internal/agent/logdriver/syslog"
	"github.com/berth-dev/berth/internal/agent/spool"
)

// backends are the drivers that send to servers, each with one.
var backends = []struct {
	name    string
	driver  logdriver.Driver
	server  func(t testing.TB) *logdrivertest.Server
	options func(address string) map[string]string
	// answers says that the server says what it has: nothing is lost whenever it dies.
	answers bool
}{
	{"fluentd, acknowledged", fluentd.Driver{}, logdrivertest.Forward, func(a string) map[string]string {
		return map[string]string{"fluentd-address": a, "fluentd-request-ack": "true"}
	}, true},
	{"fluentd", fluentd.Driver{}, logdrivertest.Forward, func(a string) map[string]string { return map[string]string{"fluentd-address": a} }, false},
	{"splunk", splunk.Driver{}, logdrivertest.Collector, func(a string) map[string]string {
		return map[string]string{"splunk-url": "http://" + a, "splunk-token": "t"}
	}, true},
	{"gelf", gelf.Driver{}, func(t testing.TB) *logdrivertest.Server {
		return logdrivertest.Delimited(t, 0, func(text string) string {
			var m struct {
				Short string `json:"short_message"`
			}
			_ = json.Unmarshal([]byte(text), &m)
			return m.Short
		})
	}, func(a string) map[string]string { return map[string]string{"gelf-address": "tcp://" + a} }, false},
	{"syslog", syslog.Driver{}, func(t testing.TB) *logdrivertest.Server {
		return logdrivertest.Delimited(t, '\n', func(text string) string { return text[strings.LastIndex(text, " ")+1:] })
	}, func(a string) map[string]string { return map[string]string{"syslog-address": "tcp://" + a} }, false},
}

// TestServersThatComeAndGo has each server away when the container starts, die in the middle, and come back: nobody waits for it, and
// every line arrives, in order, but for those that a server which does not answer took with it.
func TestServersThatComeAndGo(t *testing.T) {
	for _, c := range backends {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := c.server(t)
			options := c.options(server.Address)
			options["mode"] = "non-blocking"
			source := logdrivertest.Source("d", options)
			source.Dir = filepath.Join(t.TempDir(), "spool")
			writer, err := spool.Create(source.Dir, spool.Options{NonBlocking: true})
			if err != nil {
				t.Fatal(err)
			}
			web := &container{source, writer}
			s := New(Config{Offsets: newWorld(t).db, Drivers: map[string]logdriver.Driver{"d": c.driver}, Every: time.Millisecond})
			defer s.Close()
			if err := s.Prepare(t.Context(), source); err != nil {
				t.Fatal(err)
			}
			s.Follow(source)
			has := func(line string) func() bool {
				return func() bool { return slices.Contains(server.Lines(), line) }
			}
			web.print(t, numbered(0, 100))
			server.Up()
			server.Until("what was printed while it was away is there", has("99"))
			for round := 1; round <= 2; round++ {
				server.Down()
				web.print(t, numbered(round*100, round*100+50))
				server.Up()
				web.print(t, numbered(round*100+50, round*100+100))
				server.Until("what was printed since it came back is there", has(numbered(round*100+99, round*100+100)[:3]))
			}
			writer.Close()
			if err := s.Drain(t.Context(), source.Task); err != nil {
				t.Fatal(err)
			}
			want := strings.Fields(numbered(0, 300))
			got := unique(server.Lines())
			if c.answers && !slices.Equal(got, want) {
				t.Errorf("%d lines arrived: %v", len(got), got)
			}
			if !slices.IsSortedFunc(got, func(a, b string) int { return slices.Index(want, a) - slices.Index(want, b) }) {
				t.Errorf("not in order: %v", got)
			}
		})
	}
}

// unique are lines in the order in which they came first.
func unique(lines []string) (once []string) {
	seen := map[string]bool{}
	for _, l := range lines {
		if !seen[l] {
			once = append(once, l)
		}
		seen[l] = true
	}
	return once
}

func TestSecretOptionsReachTheDriverAlone(t *testing.T) {
	server := logdrivertest.Collector(t)
	server.Up()
	s := New(Config{Offsets: newWorld(t).db, Drivers: map[string]logdriver.Driver{"splunk": splunk.Driver{}}, Every: time.Millisecond})
	defer s.Close()
	w := &world{T: t, backend: &backend{}}
	c := w.container("web", nil)
	c.Driver, c.Options = "splunk", map[string]string{"splunk-url": "http://" + server.Address}
	before := maps.Clone(c.Options)
	asked := 0
	c.SecretOptions = func(context.Context) (map[string]string, error) {
		if asked++; asked == 2 {
			return nil, errors.New("the control plane is away")
		}
		return map[string]string{"splunk-token": "t"}, nil
	}
	if err := s.Prepare(t.Context(), c.Source); err != nil {
		t.Fatal(err)
	}
	s.Follow(c.Source)
	c.print(t, "one\n")
	server.Until("the line is there", func() bool { return len(server.Lines()) == 1 })
	if !maps.Equal(before, c.Options) {
		t.Errorf("the options are %v", c.Options)
	}
}
