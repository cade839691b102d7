package fluentd

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/agent/logdriver/logdrivertest"
)

func TestRecordsAreThoseOfDocker(t *testing.T) {
	server := logdrivertest.Forward(t)
	server.Up()
	for name, c := range map[string]struct {
		options map[string]string
		tag     string
		time    any
		more    map[string]string
		chunk   string
	}{
		"as it comes": {nil, "0123456789ab", int64(1777863721), nil, ""},
		"with all": {map[string]string{"tag": "app.{{.Name}}", "fluentd-sub-second-precision": "true", "fluentd-request-ack": "true", "env": "STAGE", "labels-regex": "^te"},
			"app.ecs-app-1-web-0123", "\x69\xf8\x0c\x29\x07\x5b\xcd\x15", map[string]string{"STAGE": "prod", "team": "web"}, "app.ecs-app-1-web-0123-0-2"},
	} {
		t.Run(name, func(t *testing.T) {
			options := map[string]string{"fluentd-address": server.Address}
			maps.Copy(options, c.options)
			before := len(server.Messages())
			logdrivertest.Send(t, Driver{}, logdrivertest.Source("fluentd", options), logdrivertest.Batch("one", "!two"))
			server.Until("both are there", func() bool { return len(server.Messages()) == before+2 })
			for i, want := range []map[string]string{{"log": "one", "source": "stdout"}, {"log": "!two", "source": "stderr"}} {
				maps.Copy(want, map[string]string{"container_id": "0123456789abcdef0123456789abcdef", "container_name": "/ecs-app-1-web-0123"})
				maps.Copy(want, c.more)
				got := server.Messages()[before+i].Whole.(logdrivertest.Forwarded)
				at := got.Time
				if bytes, ok := at.([]byte); ok && i == 0 {
					at = string(bytes)
				}
				if got.Tag != c.tag || i == 0 && at != c.time || !maps.Equal(got.Record, want) || got.Chunk != c.chunk {
					t.Errorf("%q at %x: %v, chunk %q", got.Tag, at, got.Record, got.Chunk)
				}
			}
		})
	}
}

func TestWhatIsWrongIsToldInDockersWords(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"colour", "red", "unknown log opt 'colour' for fluentd log driver"},
		{"fluentd-address", "udp://h:1", "invalid fluentd-address (udp://h:1): unsupported scheme: 'udp'"},
		{"fluentd-address", "unix://", "invalid fluentd-address (unix://): path is empty"},
		{"fluentd-address", "tcp://h/x", "invalid fluentd-address (tcp://h/x): should not contain a path element"},
		{"fluentd-async", "maybe", "invalid value for fluentd-async"},
		{"fluentd-max-retries", "-1", "invalid value for fluentd-max-retries"},
		{"fluentd-retry-wait", "soon", "invalid value for fluentd-retry-wait"},
		{"fluentd-buffer-limit", "x", "invalid value for fluentd-buffer-limit"},
		{"fluentd-async-reconnect-interval", "1h", "invalid value for fluentd-async-reconnect-interval"},
		{"mode", "fast", "logger: logging mode not supported: fast"},
		{"tag", "{{.Nobody", "invalid tag"},
	} {
		err := Driver{}.Prepare(t.Context(), logdrivertest.Source("fluentd", map[string]string{c.name: c.value}))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s=%s: %v, want %s", c.name, c.value, err, c.want)
		}
	}
}

// A server that is away keeps a container from starting only if its output has to be taken.
func TestAServerThatIsAway(t *testing.T) {
	server := logdrivertest.Forward(t)
	for _, c := range []struct {
		option, value string
		starts        bool
	}{{"mode", "blocking", false}, {"mode", "non-blocking", true}, {"fluentd-async", "true", true}} {
		err := Driver{}.Prepare(t.Context(), logdrivertest.Source("fluentd", map[string]string{"fluentd-address": server.Address, c.option: c.value}))
		if c.starts != (err == nil) || err != nil && !strings.HasPrefix(err.Error(), "failed to initialize logging driver: dial tcp ") {
			t.Errorf("%s=%s: %v", c.option, c.value, err)
		}
	}
}

func TestAfterItsRetriesABatchIsDropped(t *testing.T) {
	server := logdrivertest.Forward(t)
	sink, err := Driver{}.Open(logdrivertest.Source("fluentd", map[string]string{"fluentd-address": server.Address, "fluentd-max-retries": "2"}))
	if err != nil {
		t.Fatal(err)
	}
	var taken []int
	for range 4 {
		n, err := sink.Send(t.Context(), logdrivertest.Batch("x"))
		if err == nil {
			t.Fatal("sent to nobody")
		}
		taken = append(taken, n)
	}
	if !slices.Equal(taken, []int{0, 0, 1, 0}) {
		t.Errorf("taken %v", taken)
	}
}
