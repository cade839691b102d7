package splunk

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/agent/logdriver"
	"github.com/berth-dev/berth/internal/agent/logdriver/logdrivertest"
)

func TestFormats(t *testing.T) {
	server := logdrivertest.Collector(t)
	server.Up()
	for name, c := range map[string]struct {
		options map[string]string
		want    [2]string // the events
	}{
		"inline": {nil, [2]string{`{"line":"{\"a\":1}","source":"stdout","tag":"0123456789ab"}`, `{"line":"!two","source":"stderr","tag":"0123456789ab"}`}},
		"json": {map[string]string{"splunk-format": "json", "tag": "", "env": "STAGE"},
			[2]string{`{"line":{"a":1},"source":"stdout","attrs":{"STAGE":"prod"}}`, `{"line":"!two","source":"stderr","attrs":{"STAGE":"prod"}}`}},
		"raw": {map[string]string{"splunk-format": "raw", "labels": "team,tier", "splunk-gzip": "true", "splunk-gzip-level": "9"},
			[2]string{`"0123456789ab team=web tier=1 {\"a\":1}"`, `"0123456789ab team=web tier=1 !two"`}},
	} {
		options := map[string]string{"splunk-url": "http://" + server.Address, "splunk-token": "t", "splunk-source": "src", "splunk-sourcetype": "st", "splunk-index": "main"}
		maps.Copy(options, c.options)
		before := len(server.Messages())
		logdrivertest.Send(t, Driver{}, logdrivertest.Source("splunk", options), logdrivertest.Batch(`{"a":1}`, "!two"))
		for i, want := range c.want {
			got := server.Messages()[before+i].Whole.(logdrivertest.Collected)
			if string(got.Event) != want || got.Source != "src" || got.SourceType != "st" || got.Index != "main" || got.Host == "" || i == 0 && got.Time != "1777863721.123456" {
				t.Errorf("%s: %+v\n event %s, want %s", name, got, got.Event, want)
			}
		}
	}
}

func TestWhatACollectorSays(t *testing.T) {
	server := logdrivertest.Collector(t)
	options := map[string]string{"splunk-url": "http://" + server.Address, "splunk-token": "wrong"}
	s := logdrivertest.Source("splunk", options)
	var away *logdriver.Unavailable
	if err := (Driver{}).Prepare(t.Context(), s); !errors.As(err, &away) || !strings.HasPrefix(err.Error(), "failed to initialize logging driver: splunk: failed to verify connection - ") {
		t.Errorf("nobody is there: %v", err)
	}
	server.Up()
	if err := (Driver{}).Prepare(t.Context(), s); !errors.As(err, &away) || !strings.Contains(err.Error(), "403 Forbidden") {
		t.Errorf("a wrong token: %v", err)
	}
	for _, name := range []string{"splunk-verify-connection", "mode"} {
		options[name] = map[string]string{"mode": "non-blocking"}[name]
		if name != "mode" {
			options[name] = "false"
		}
		if err := (Driver{}).Prepare(t.Context(), s); err != nil {
			t.Errorf("without a look at the connection: %v", err)
		}
		delete(options, name)
	}
	sink, err := Driver{}.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	if n, err := sink.Send(t.Context(), logdrivertest.Batch("x")); n != 0 || err == nil {
		t.Errorf("with a token that may be known later: %d, %v", n, err)
	}
	options["splunk-token"] = "t"
	if sink, err = (Driver{}).Open(s); err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	var refused *logdriver.Refused
	if n, err := sink.Send(t.Context(), logdrivertest.Batch("bad one", "x")); n != 2 || !errors.As(err, &refused) || refused.Events != 2 {
		t.Errorf("what the collector calls wrong: %d, %v", n, err)
	}
}

func TestWhatIsWrongIsToldInDockersWords(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"colour", "red", "unknown log opt 'colour' for splunk log driver"},
		{"splunk-url", "", "splunk: splunk-url is expected"},
		{"splunk-url", "http://h:1/x", "splunk: expected format scheme://dns_name_or_ip:port for splunk-url"},
		{"splunk-token", "", "splunk: splunk-token is expected"},
		{"splunk-format", "xml", "splunk: unknown format specified xml, supported formats are inline, json and raw"},
		{"splunk-gzip-level", "10", "splunk: not supported level '10' for splunk-gzip-level (supported values between -1 and 9)"},
		{"splunk-capath", "/nowhere", "splunk: could not read CA certificate: open /nowhere: no such file or directory"},
	} {
		options := map[string]string{"splunk-url": "http://h:1", "splunk-token": "t", c.name: c.value}
		if err := (Driver{}).Prepare(t.Context(), logdrivertest.Source("splunk", options)); err == nil || err.Error() != c.want {
			t.Errorf("%s=%s: %v, want %s", c.name, c.value, err, c.want)
		}
	}
}
